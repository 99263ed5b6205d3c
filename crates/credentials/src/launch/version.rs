//! Which version of an agent is installed: found on the path and asked, in a world of its own.
//!
//! It is somebody else's program: it gets no variable but the path, an empty folder for a home, and six
//! seconds; whatever it started goes with it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::Environment;

/// The program of that name, in the first folder of `PATH` that has one. Folders that are relative are
/// left out: they lead into whatever project one works in.
pub fn find_program(name: &str, environment: &Environment) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let folders = std::env::split_paths(environment.text("PATH")?).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(|path| {
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

/// The first line that `program --version` prints.
///
/// # Errors
/// [`NoVersion`]
pub async fn version(program: &Path, environment: &Environment) -> Result<String, NoVersion> {
    let home = tempfile::tempdir().map_err(NoVersion::NotStarted)?;
    let child = Command::new(program)
        .arg("--version")
        .env_clear()
        .env("PATH", environment.text("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("TERM", "dumb")
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(NoVersion::NotStarted)?;
    let mut asked = Asked(child);
    let line = timeout(PATIENCE, asked.first_line()).await.map_err(|_| NoVersion::Silent)?;
    line.ok_or(NoVersion::SaidNothing)
}

/// The program while it is asked. When this is dropped nothing of it is left.
struct Asked(Child);

impl Asked {
    async fn first_line(&mut self) -> Option<String> {
        let mut stdout = self.0.stdout.take()?;
        let mut said = Vec::new();
        loop {
            let begun = said.trim_ascii_start();
            if let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
                return Some(String::from_utf8_lossy(&begun[..end]).trim().to_owned());
            }
            let read = stdout.read_buf(&mut said).await.unwrap_or_default();
            if read == 0 || said.len() > LONGEST {
                let line = String::from_utf8_lossy(said.trim_ascii());
                return (!line.is_empty()).then(|| line.chars().take(LONGEST).collect());
            }
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // Not waited for yet, so its number is still its own.
        if let Some(group) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            // Refused when all of them have ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The program does not say which version it is.
#[derive(Debug, thiserror::Error)]
pub enum NoVersion {
    /// It cannot be started: a broken link, or a program for another machine.
    #[error("it cannot be started")]
    NotStarted(#[source] std::io::Error),
    /// It hangs, or the machine is very busy.
    #[error("it does not answer `--version` within {} s", PATIENCE.as_secs())]
    Silent,
    /// It ended without a word: the installation is broken.
    #[error("it answers `--version` with nothing")]
    SaidNothing,
}

const PATIENCE: Duration = Duration::from_secs(6);
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by another process: a file that this one has open for writing, while another test starts a
    /// program, cannot be started itself.
    fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
        let path = folder.join(name);
        let script = format!("#!/bin/sh\n{script}");
        let write = r#"printf '%s\n' "$2" > "$1" && chmod 755 "$1""#;
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", write, "sh"]).arg(&path).arg(script);
        assert!(command.status().unwrap().success());
        path
    }

    fn environment() -> Environment {
        [("PATH", "/usr/bin:/bin"), ("CANARY", "secret")].into_iter().collect()
    }

    #[tokio::test]
    async fn the_first_line_counts_and_nothing_of_ours_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let asked = program(folder.path(), "a", "echo; echo \"1.2 $CANARY.\"; echo more; sleep 60");
        assert_eq!(version(&asked, &environment()).await.unwrap(), "1.2 .");
        let asked =
            program(folder.path(), "b", "test -z \"$(ls -A)\" && test \"$HOME\" = \"$PWD\" && printf 3");
        assert_eq!(version(&asked, &environment()).await.unwrap(), "3");
    }

    #[tokio::test]
    async fn what_hangs_is_ended_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let note = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", note.display());
        let asked = program(folder.path(), "a", &script);
        assert!(matches!(version(&asked, &environment()).await, Err(NoVersion::Silent)));
        let pid: i32 = std::fs::read_to_string(note).unwrap().trim().parse().unwrap();
        let gone = |pid| {
            std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z"))
        };
        for _ in 0..500 {
            if gone(pid) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{pid} is still there");
    }

    #[tokio::test]
    async fn what_says_nothing_or_cannot_start_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let asked = program(folder.path(), "a", "exit 3");
        assert!(matches!(version(&asked, &environment()).await, Err(NoVersion::SaidNothing)));
        let gone = folder.path().join("gone");
        assert!(matches!(version(&gone, &environment()).await, Err(NoVersion::NotStarted(_))));
    }

    #[test]
    fn programs_are_looked_for_in_absolute_folders_only() {
        let folder = tempfile::tempdir().unwrap();
        let found = program(folder.path(), "agent", "");
        std::fs::write(folder.path().join("text"), "no program").unwrap();
        let with = |path: String| [("PATH", path)].into_iter().collect::<Environment>();
        let path = format!(".::/nonexistent:{}", folder.path().display());
        assert_eq!(find_program("agent", &with(path.clone())), Some(found));
        assert_eq!(find_program("text", &with(path)), None);
        assert_eq!(find_program("agent", &with(".".into())), None);
    }
}
