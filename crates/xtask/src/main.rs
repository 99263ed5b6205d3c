//! Work upon the source tree: `cargo xtask tidy` checks the invariants of ARCHITECTURE.md,
//! `cargo xtask generate` writes the reference pages, `cargo xtask soak` makes the long proofs of which `./test` makes a tenth.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod generate;
mod soak;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next().as_deref()) {
        (Some("tidy"), None) => tidy(),
        (Some("generate"), None) => generate(),
        (Some("generate"), Some("--check")) => check_generated(),
        (Some("soak"), minutes) => soak(minutes),
        _ => {
            eprintln!("usage: cargo xtask tidy | generate [--check] | soak [MINUTES FOR EACH FUZZ TARGET]");
            ExitCode::from(2)
        }
    }
}

fn generate() -> ExitCode {
    match generate::write(&root()) {
        Ok(changed) => {
            println!("generate: {changed} pages changed");
            ExitCode::SUCCESS
        }
        Err(reason) => failed("generate", &reason),
    }
}

fn check_generated() -> ExitCode {
    match generate::check(&root()) {
        Ok(diffs) if diffs.is_empty() => {
            println!("generate: docs/reference is as it should be");
            ExitCode::SUCCESS
        }
        Ok(diffs) => {
            diffs.iter().for_each(|diff| print!("{diff}"));
            failed("generate", &format!("{} pages differ; run `cargo xtask generate`", diffs.len()))
        }
        Err(reason) => failed("generate", &reason),
    }
}

fn failed(what: &str, reason: &str) -> ExitCode {
    eprintln!("{what}: {reason}");
    ExitCode::FAILURE
}

fn soak(minutes: Option<&str>) -> ExitCode {
    let Ok(minutes) = minutes.unwrap_or("10").parse() else {
        eprintln!("soak: expected a number of minutes");
        return ExitCode::from(2);
    };
    match soak::run(&root(), minutes) {
        Ok(()) => {
            println!("soak: all long proofs hold");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("soak: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn tidy() -> ExitCode {
    let root = root();
    match tidy::check(&root) {
        Ok(findings) if findings.is_empty() => {
            println!("tidy: all invariants hold");
            ExitCode::SUCCESS
        }
        Ok(findings) => {
            for finding in &findings {
                eprintln!("{finding}");
            }
            eprintln!("tidy: {} broken", findings.len());
            ExitCode::FAILURE
        }
        Err(reason) => {
            eprintln!("tidy: {reason}");
            ExitCode::FAILURE
        }
    }
}
