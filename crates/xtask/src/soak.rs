//! The long proofs: kills by the hundred, and fuzzing for as long as is asked.

use std::path::Path;
use std::process::Command;

/// Makes all of them; the first that fails ends it.
pub(crate) fn run(root: &Path, minutes: u32) -> Result<(), String> {
    let mut kills = Command::new("./test");
    kills.args(["-p", "keywright", "--test", "it", "durability"]).env("LONG_PROOFS", "10");
    step("200 kills on each engine", kills.current_dir(root))?;
    for target in targets(root)? {
        let mut fuzz = Command::new("cargo");
        fuzz.args(["+nightly", "fuzz", "run", "--fuzz-dir", "fuzz", &target, "--"]);
        fuzz.args([format!("-max_total_time={}", minutes * 60), "-timeout=5".to_owned()]);
        step(&format!("fuzzing {target} for {minutes} minutes"), fuzz.current_dir(root))?;
    }
    Ok(())
}

fn step(what: &str, command: &mut Command) -> Result<(), String> {
    println!("soak: {what}");
    let status = command.status().map_err(|error| format!("{what}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{what}: {status}")) }
}

/// The fuzz targets, by the names of their files.
fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    if names.is_empty() { Err(format!("{}: no targets", folder.display())) } else { Ok(names) }
}
