//! Other processes: this test binary, started again to play one part.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use keywright_client::{Client, PlainText, ServerUrl};
use keywright_credentials::store::SafeFile;
use keywright_credentials::{CredentialFile, Outcome, ProfileName, ProfileSettings, SettingsFile, provision};
use keywright_protocol::{OrganizationId, SystemClock};
use std::time::Duration;

use crate::profiles::{Home, new_key};

/// A process that plays `part` on the file at `path`.
pub(crate) fn playing(part: &str, path: &std::path::Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    as_part(&mut command, part, path);
    command
}

/// The same, behind a line of shell that ends in `exec "$0" "$@"`.
pub(crate) fn playing_after(shell: &str, part: &str, path: &std::path::Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{shell}; exec \"$0\" \"$@\"")).arg(std::env::current_exe().unwrap());
    as_part(&mut command, part, path);
    command
}

fn as_part(command: &mut Command, part: &str, path: &std::path::Path) {
    command
        .args(["process::part", "--exact", "--nocapture"])
        .env("PART", part)
        .env("PART_PATH", path)
        .stdout(Stdio::null());
}

/// Waits until the process has made the file that says it has begun.
pub(crate) fn wait_for(path: &std::path::Path, child: &mut Child) {
    for _ in 0..2000 {
        if path.exists() {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "the process ended early");
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{} did not appear", path.display());
}

/// Plays a part; nothing when this is an ordinary run of the tests.
#[test]
fn part() {
    let (Ok(part), Ok(path)) = (std::env::var("PART"), std::env::var("PART_PATH")) else { return };
    match part.as_str() {
        "rewrite" => rewrite(&path),
        "hold" => hold(&path),
        "count" => (0..5).for_each(|_| count(&path)),
        "write once" => write_once(&path),
        "provision" => provision_once(&path),
        "set profiles" => set_profiles(&path),
        "save keys" => save_keys(&path),
        other => panic!("no part {other}"),
    }
}

/// The contents that `rewrite` goes to and fro between.
pub(crate) fn contents() -> [String; 2] {
    ["a", "b"].map(|letter| {
        format!("{{\"text\":\"{}\"}}", letter.repeat(if letter == "a" { 100 } else { 200_000 }))
    })
}

fn rewrite(path: &str) {
    let file = SafeFile::new(path);
    let contents = contents();
    for round in 0.. {
        let locked = file.lock(Duration::from_secs(10)).unwrap();
        locked.replace(contents[round % 2].as_bytes()).unwrap();
        if let Ok(begun) = std::env::var("PART_BEGUN") {
            std::fs::write(begun, "").unwrap();
        }
    }
}

fn hold(path: &str) {
    let _locked = SafeFile::new(path).lock(Duration::from_secs(10)).unwrap();
    std::fs::write(format!("{path}.held"), "").unwrap();
    std::thread::sleep(Duration::from_secs(600));
}

fn count(path: &str) {
    let locked = SafeFile::new(path).lock(Duration::from_secs(60)).unwrap();
    let before: u32 =
        locked.read().unwrap().map_or(0, |text| String::from_utf8_lossy(&text).parse().unwrap());
    locked.replace((before + 1).to_string().as_bytes()).unwrap();
}

fn write_once(path: &str) {
    let locked = SafeFile::new(path).lock(Duration::from_secs(10)).unwrap();
    if let Err(error) = locked.replace(contents()[1].as_bytes()) {
        eprintln!("{error}");
        std::process::exit(9);
    }
}

/// Sets profiles that begin with `PART_NAME`, until it is killed or five are there.
fn set_profiles(path: &str) {
    let name = std::env::var("PART_NAME").unwrap();
    let rounds = std::env::var("PART_ROUNDS").unwrap().parse().unwrap();
    let file = SettingsFile::new(path);
    for round in 0..rounds {
        let profile: ProfileName = format!("{name}-{}", round % 5).parse().unwrap();
        let set = ProfileSettings { organization_name: Some("x".repeat(round % 9000)), ..Default::default() };
        file.change(|held| {
            held.set_profile(&profile, set);
            held.set_active(&profile);
        })
        .unwrap();
    }
}

/// Saves keys of organizations that are all called `PART_NAME`, and notes each before it does.
fn save_keys(path: &str) {
    let home = Home::at(path);
    let rounds: usize = std::env::var("PART_ROUNDS").unwrap().parse().unwrap();
    let name = std::env::var("PART_NAME").unwrap();
    let fixed = std::env::var("PART_ORGANIZATION").ok();
    for _ in 0..rounds {
        let organization = match &fixed {
            Some(id) => id.parse().unwrap(),
            None => OrganizationId::new(),
        };
        let key = new_key(Some((organization, &name)));
        if let Ok(begun) = std::env::var("PART_BEGUN") {
            std::fs::write(begun, format!("{organization} {}", key.raw.expose())).unwrap();
        }
        if let Err(error) = home.save(key, None) {
            eprintln!("{error}");
            std::process::exit(9);
        }
    }
}

fn provision_once(path: &str) {
    let server = ServerUrl::parse(&std::env::var("PART_SERVER").unwrap(), PlainText::LoopbackOnly).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let made = runtime.block_on(async {
        let client = Client::new(&server).unwrap();
        let file = CredentialFile::new(path);
        provision(&file, &ProfileName::default(), &client, Arc::new(SystemClock), None).await.unwrap()
    });
    assert_ne!(made.outcome, Outcome::Replaced);
}
