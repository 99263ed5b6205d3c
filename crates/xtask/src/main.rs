//! Work upon the source tree: `cargo xtask tidy` checks the invariants of ARCHITECTURE.md,
//! `cargo xtask soak` makes the long proofs of which `./test` makes a tenth.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod soak;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("tidy"), None) => tidy(),
        (Some("soak"), minutes) => soak(minutes.as_deref()),
        _ => {
            eprintln!("usage: cargo xtask tidy | soak [MINUTES FOR EACH FUZZ TARGET]");
            ExitCode::from(2)
        }
    }
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
