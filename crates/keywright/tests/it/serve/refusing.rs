//! What keeps a server from starting: each is said, and nothing is changed.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use keywright_secret::hex;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::home::{Ended, Home};
use crate::served::{FREE_PORTS, Served};

#[test]
fn everything_wrong_with_the_configuration_is_told_before_a_port_is_bound() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = home.path().join("keywright.toml");
    std::fs::write(&file, "wrong = 1\n[providers.openai]\nkeys = [\"env:NOT_THERE\", \"sk-proj-canary\"]\n")
        .unwrap();
    let serve = || {
        let mut command = home.command(["serve", "--drain", "soon", "--listen"]);
        command.arg(taken.local_addr().unwrap().to_string()).arg("--config").arg(&file);
        command.env("KEYWRIGHT_GATEWAY_MAX_BODY", "much").env("KEYWRIGHT_TLS_CERT", "/not/there.pem");
        command
    };
    let ended = Ended::of(&mut serve()).with_code(1);
    for told in ["--drain", "KEYWRIGHT_GATEWAY_MAX_BODY", "`wrong`", "NOT_THERE", "tls.cert", "OpenAI"] {
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("cannot listen") && !ended.stderr.contains("canary"), "{}", ended.stderr);
    assert!(ended.stderr.matches("because:").count() >= 6, "{}", ended.stderr);
    assert!(!home.data("").exists());
    let json = Ended::of(serve().arg("--json")).with_code(1).json();
    assert_eq!(json["error"]["code"], "CONFIGURATION_INVALID");
    Ended::of(home.command(["serve"]).args(["--no-such-setting", "1"])).with_code(2);
}

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_made() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for setting in ["--listen", "--operations-listen"] {
        let other = if setting == "--listen" { "--operations-listen" } else { "--listen" };
        let ended = home.run(["serve", setting, &address, other, "127.0.0.1:0"]).with_code(1);
        let told = format!("cannot listen on {address}");
        assert!(ended.stderr.contains(&told) && ended.stderr.contains("in use"), "{}", ended.stderr);
        assert!(ended.stderr.contains("next: Stop what listens there"), "{}", ended.stderr);
    }
    assert!(!home.data("").exists());
}

#[test]
fn a_second_process_on_the_same_folder_is_refused_and_the_first_unharmed() {
    let home = Home::new();
    let served = Served::demo(&home);
    let token = served.temporary();
    let ended = Ended::of(home.command(["serve", "--demo"]).args(FREE_PORTS)).with_code(1);
    assert!(ended.stderr.contains("is in use by another `keywright` process"), "{}", ended.stderr);
    assert!(ended.stderr.contains(home.data("").display().to_string().trim_end_matches('/')));
    served.key(&token, "after");
    served.message(&token, "hello", false).send().with_status(200);
    served.stop();
    Served::demo(&home).stop();
}

/// Case 156.
#[test]
fn without_its_master_key_it_does_not_start_and_says_why() {
    let home = Home::new();
    Served::demo(&home).stop();
    let file = home.data("master.key");
    let key = std::fs::read(&file).unwrap();
    let other = Home::new();
    Served::demo(&other).stop();
    let others = std::fs::read(other.data("master.key")).unwrap();
    let before = databases(&home);

    let refused = |told: &str| {
        let ended = Ended::of(home.command(["serve", "--demo"]).args(FREE_PORTS)).with_code(1);
        assert!(ended.stderr.contains(told) && ended.stderr.contains("master"), "{told}: {}", ended.stderr);
        assert!(!ended.stderr.contains(std::str::from_utf8(&key).unwrap().trim()));
    };
    std::fs::remove_file(&file).unwrap();
    refused(&file.display().to_string());
    assert!(!file.exists(), "no other key is made in its place");
    write(&file, &others, 0o600);
    refused("is not that of this database");
    write(&file, b"garbage \xff\0", 0o600);
    refused("master.key");
    write(&file, b"", 0o600);
    refused("holds no master key");
    for mode in [0o644, 0o640, 0o604] {
        write(&file, &key, mode);
        refused("chmod 600");
    }
    assert_eq!(databases(&home), before, "nothing was written");
    let mut command = home.command(["serve", "--demo"]);
    command.args(FREE_PORTS).env("KEYWRIGHT_MASTER_KEY", String::from_utf8(others).unwrap());
    let ended = Ended::of(&mut command).with_code(1);
    assert!(ended.stderr.contains("KEYWRIGHT_MASTER_KEY"), "{}", ended.stderr);

    write(&file, &key, 0o600);
    Served::demo(&home).stop();
    // The environment holds it as well as the file does.
    std::fs::remove_file(&file).unwrap();
    let mut command = home.command(["serve", "--demo"]);
    command.args(FREE_PORTS).env("KEYWRIGHT_MASTER_KEY", String::from_utf8(key).unwrap());
    Served::start(&mut command).stop();
    assert!(!file.exists());
}

/// Case 153.
#[test]
fn an_older_binary_refuses_the_files_of_a_newer_one_and_leaves_every_byte_alone() {
    for name in ["keywright.db", "records.db"] {
        let home = Home::new();
        Served::demo(&home).stop();
        let newer = Connection::open(home.data(name)).unwrap();
        newer
            .execute(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'of a later version', TRUE, x'00', 0)",
                [],
            )
            .unwrap();
        newer.close().unwrap();
        let before = databases(&home);
        let ended = Ended::of(home.command(["serve", "--demo"]).args(FREE_PORTS)).with_code(1);
        let told = format!("{name} was written by a newer version");
        assert!(ended.stderr.contains(&told) && ended.stderr.contains("9999"), "{}", ended.stderr);
        assert_eq!(databases(&home), before, "{name}");
    }
}

#[test]
fn beyond_loopback_it_does_not_speak_in_clear() {
    let home = Home::new();
    for (listen, operations) in [("0.0.0.0:0", "off"), ("[::]:0", "off")] {
        let ended = home.run(["serve", "--listen", listen, "--operations-listen", operations]).with_code(1);
        assert!(ended.stderr.contains("--insecure") && ended.stderr.contains("tls.cert"), "{}", ended.stderr);
    }
    let asked = ["serve", "--listen", "0.0.0.0:0", "--insecure", "--auth-temporary=true"];
    let ended = home.run(asked).with_code(1);
    assert!(ended.stderr.contains("auth.temporary"), "{}", ended.stderr);
    assert!(!home.data("").exists());
}

fn write(path: &std::path::Path, content: &[u8], mode: u32) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The SHA-256 of each database and of what was written ahead of it, by file name. Looking at one makes
/// an empty log beside it, and an index of that log.
fn databases(home: &Home) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(home.data("")).unwrap().map(|file| file.unwrap());
    files
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
        .filter(|(name, content)| name.contains(".db") && !name.ends_with("-shm") && !content.is_empty())
        .map(|(name, content)| (name, hex(&Sha256::digest(&content))))
        .collect()
}
