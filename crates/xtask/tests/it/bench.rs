use std::path::{Path, PathBuf};
use std::process::Command;

/// Tiny runs, to see that each row can be measured. What they yield means nothing.
#[test]
fn every_row_can_be_measured_beside_nginx() {
    let output =
        Command::new(XTASK).args(["bench", "--smoke", "--binary"]).arg(keywright()).output().unwrap();
    let (shown, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    for row in ROWS {
        let line = shown.lines().find(|line| line.starts_with(&format!("{row} ")));
        assert!(line.is_some_and(|line| line.contains("goal")), "{row} is not in\n{shown}\n{said}");
    }
}

#[test]
fn a_row_that_there_is_not_is_refused_before_anything_is_built() {
    let output = Command::new(XTASK).args(["bench", "--only", "G2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no row `G2`"));
}

/// The program of this build. Built where these tests are run without those of its own crate.
fn keywright() -> PathBuf {
    let program = Path::new(XTASK).with_file_name("keywright");
    if !program.exists() {
        let status = Command::new(env!("CARGO")).args(["build", "--package", "keywright"]).status().unwrap();
        assert!(status.success(), "{status}");
    }
    program
}

const XTASK: &str = env!("CARGO_BIN_EXE_keywright-xtask");

const ROWS: [&str; 20] = [
    "G1", "G4", "G5", "G6", "G7", "G8", "G9", "G10", "G11", "G12", "G13", "G19", "G20", "G21", "G22", "M1",
    "M2", "M3", "M4", "M5",
];
