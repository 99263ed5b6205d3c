//! The file mechanism between processes that die, or find no room.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use keywright_credentials::store::SafeFile;

use crate::process::{contents, playing, playing_after, wait_for};

#[test]
fn under_an_open_umask_nobody_else_may_ever_read_anything() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("keywright");
    let path = own.join("credentials.json");
    let mut child = playing_after("umask 000", "rewrite", &path).spawn().unwrap();
    wait_for(&own, &mut child);
    let mut seen = 0;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(300) {
        assert_eq!(own.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        for entry in std::fs::read_dir(&own).unwrap().flatten() {
            // It may have been renamed meanwhile.
            let Ok(metadata) = entry.path().symlink_metadata() else { continue };
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
            seen += 1;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen > 10);
}

#[test]
fn a_writer_killed_at_any_point_leaves_the_old_content_or_the_new() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keywright/credentials.json");
    let contents = contents();
    for round in 0..20u64 {
        let begun = folder.path().join(format!("begun-{round}"));
        let mut child = playing("rewrite", &path).env("PART_BEGUN", &begun).spawn().unwrap();
        wait_for(&begun, &mut child);
        std::thread::sleep(Duration::from_micros(round * 1700 % 9000));
        child.kill().unwrap();
        child.wait().unwrap();
        let content = std::fs::read_to_string(&path).unwrap();
        assert!(contents.contains(&content), "half a file of {} bytes in round {round}", content.len());
    }
    // The next to write clears away what the dead have left.
    SafeFile::new(&path).lock(Duration::from_secs(5)).unwrap().replace(b"{}").unwrap();
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 2);
}

#[test]
fn a_lock_dies_with_the_process_that_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    let mut child = playing("hold", &path).spawn().unwrap();
    wait_for(&folder.path().join("credentials.json.held"), &mut child);
    let file = SafeFile::new(&path);
    assert!(file.lock(Duration::from_millis(20)).is_err());
    child.kill().unwrap();
    child.wait().unwrap();
    file.lock(Duration::from_secs(5)).unwrap();
}

#[test]
fn twenty_processes_that_update_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("count");
    let children: Vec<_> = (0..20).map(|_| playing("count", &path).spawn().unwrap()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "100");
}

#[test]
fn a_write_that_finds_no_room_keeps_the_old_content_and_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    std::fs::write(&path, "old").unwrap();
    // No file may grow beyond a few blocks; the write fails as on a full disk.
    let mut command = playing_after("trap '' XFSZ; ulimit -f 8", "write once", &path);
    let output = command.stderr(std::process::Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(9));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.contains("credentials.json") && !words.contains("bbbb"), "{words}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}
