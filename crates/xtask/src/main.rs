//! Work upon the source tree: `cargo xtask tidy` checks the invariants of ARCHITECTURE.md, `cargo xtask
//! generate` writes the reference pages, `cargo xtask bench` measures the gateway beside nginx, `cargo
//! xtask soak` makes the long proofs of which `./test` makes a tenth.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod bench;
mod clock;
mod figures;
mod generate;
mod load;
mod process;
mod provider;
mod soak;
mod tidy;
mod wire;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("tidy") if arguments.len() == 0 => tidy(),
        Some("generate") => match (arguments.next().as_deref(), arguments.next()) {
            (None, _) => generate(),
            (Some("--check"), None) => check_generated(),
            _ => misused("generate", "usage: cargo xtask generate [--check]"),
        },
        Some("soak") => match soak::Options::parse(arguments) {
            Ok(options) => ended("soak", soak::run(&root(), &options)),
            Err(reason) => misused("soak", &reason),
        },
        Some("bench") => match bench::Options::parse(arguments) {
            Ok(options) => ended("bench", bench::run(&root(), &options)),
            Err(reason) => misused("bench", &reason),
        },
        // The bench starts this program once more for each of its parts.
        Some("provider") => ended("provider", provider::run().map_err(|error| error.to_string())),
        Some("load") => ended("load", load::run().map_err(|error| error.to_string())),
        _ => {
            eprintln!("usage: cargo xtask tidy | generate | bench | soak");
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
        Err(reason) => ended("generate", Err(reason)),
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
            ended("generate", Err(format!("{} pages differ; run `cargo xtask generate`", diffs.len())))
        }
        Err(reason) => ended("generate", Err(reason)),
    }
}

fn misused(what: &str, reason: &str) -> ExitCode {
    eprintln!("{what}: {reason}");
    ExitCode::from(2)
}

fn ended(what: &str, result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{what}: {reason}");
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
