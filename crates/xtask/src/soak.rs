//! The long proofs, of which `./test` makes a tenth: kills and races by the thousand, streams by the
//! thousand, and fuzzing for as long as is asked.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::bench;

/// What to prove, and for how long to look for a counterexample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// For each fuzz target.
    fuzzing: Duration,
    /// Proofs whose names have one of these in them; all when empty.
    only: Vec<String>,
}

impl Options {
    /// Reads what follows `soak` on the command line.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self { fuzzing: Duration::from_secs(10 * 60), only: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value; {USAGE}"));
            let number =
                |text: &str| text.parse::<u64>().map_err(|_| format!("`{text}` is no number; {USAGE}"));
            match argument.as_str() {
                "--fuzz-seconds" => options.fuzzing = Duration::from_secs(number(&value()?)?),
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                minutes => options.fuzzing = Duration::from_secs(60 * number(minutes)?),
            }
        }
        Ok(options)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| name.contains(only.as_str()))
    }
}

const USAGE: &str = "usage: cargo xtask soak [MINUTES FOR EACH FUZZ TARGET | --fuzz-seconds N] [--only kill,races,streams,fuzz]";

/// Makes all of them, also when one fails, and says at the end how each went.
pub(crate) fn run(root: &Path, options: &Options) -> Result<(), String> {
    let mut proofs: Vec<Proof> = LONG_TESTS
        .iter()
        .map(|(name, arguments)| Proof {
            name: (*name).to_owned(),
            prove: Box::new(|| long_test(root, arguments)),
        })
        .collect();
    proofs.push(Proof { name: "streams: 9,500 held at once".to_owned(), prove: Box::new(|| streams(root)) });
    for target in targets(root)? {
        let name = format!("fuzz: {target}");
        proofs.push(Proof { name, prove: Box::new(move || fuzz(root, &target, options.fuzzing)) });
    }
    proofs.retain(|proof| options.wants(&proof.name));
    if proofs.is_empty() {
        return Err(format!("--only: no proof has one of {} in its name", options.only.join(", ")));
    }

    let mut summary = String::new();
    let mut failed = 0;
    for proof in &proofs {
        println!("soak: {}", proof.name);
        let begun = Instant::now();
        let result = (proof.prove)();
        let seconds = begun.elapsed().as_secs();
        let line = match result {
            Ok(found) => format!("holds   {} ({found}; {seconds} s)", proof.name),
            Err(reason) => {
                failed += 1;
                format!("FAILED  {}: {reason} ({seconds} s)", proof.name)
            }
        };
        println!("soak: {line}");
        summary.push_str(&format!("  {line}\n"));
    }
    println!("soak: summary\n{summary}");
    if failed == 0 { Ok(()) } else { Err(format!("{failed} of {} failed", proofs.len())) }
}

struct Proof<'r> {
    name: String,
    /// Says what it found, good or bad.
    prove: Box<dyn Fn() -> Result<String, String> + 'r>,
}

/// Tests that make ten times as much when they are asked for long proofs, and the arguments that choose
/// them.
const LONG_TESTS: &[(&str, &[&str])] = &[
    ("kill: 200 times on each engine", &["-p", "keywright", "--test", "it", "durability"]),
    (
        "races: 1,000 rounds of revocation against use and against a fill, on each engine",
        &["-p", "keywright-identity", "--test", "it", "revocation"],
    ),
    (
        "races: 1,000 rounds of creating keys at the cap, on each engine",
        &["-p", "keywright-identity", "--test", "it", "keys::of_thirty"],
    ),
];

fn long_test(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("./test");
    succeed(command.args(arguments).env("LONG_PROOFS", "10").current_dir(root))?;
    Ok("no counterexample".to_owned())
}

fn streams(root: &Path) -> Result<String, String> {
    let held = bench::hold_streams(root, STREAMS)?;
    let found = format!("{} KiB each, {} lost of {STREAMS}", held.kibibytes_each, held.lost);
    if held.lost == 0 { Ok(found) } else { Err(found) }
}

fn fuzz(root: &Path, target: &str, time: Duration) -> Result<String, String> {
    install_fuzzer()?;
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz", "run", "--fuzz-dir", "fuzz", target, "--"]);
    command.args([format!("-max_total_time={}", time.as_secs()), "-timeout=5".to_owned()]);
    succeed(command.current_dir(root))?;
    Ok(format!("{} s without a crash", time.as_secs()))
}

fn install_fuzzer() -> Result<(), String> {
    let there = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !there(Command::new("cargo").args(["+nightly", "--version"])) {
        succeed(Command::new("rustup").args(["toolchain", "install", "nightly", "--profile", "minimal"]))?;
    }
    if !there(Command::new("cargo").args(["fuzz", "--version"])) {
        succeed(Command::new("cargo").args(["install", "cargo-fuzz", "--locked"]))?;
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program}: {status}")),
        Err(error) => Err(format!("{program}: {error}")),
    }
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

/// With both connections of each just below the 20,000 files that a process may usually have open.
const STREAMS: usize = 9_500;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn time_and_proofs_can_be_chosen() {
        assert_eq!(parse(&[]).expect("good").fuzzing, Duration::from_secs(600));
        assert_eq!(parse(&["2"]).expect("good").fuzzing, Duration::from_secs(120));
        let options = parse(&["--fuzz-seconds", "7", "--only", "fuzz,kill"]).expect("good");
        assert_eq!(options.fuzzing, Duration::from_secs(7));
        assert!(options.wants("fuzz: token") && !options.wants("streams: 9,500 held at once"));
        for wrong in [&["soon"][..], &["--fuzz-seconds"], &["--fuzz-seconds", "x"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn every_fuzz_target_is_built_by_the_manifest() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).expect("a manifest");
        for target in targets(&root).expect("targets") {
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
        }
    }
}
