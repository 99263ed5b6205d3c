//! Work upon the source tree: `cargo xtask tidy` checks the invariants of ARCHITECTURE.md.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool for a terminal")]

mod tidy;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("tidy"), None) => tidy(),
        _ => {
            eprintln!("usage: cargo xtask tidy");
            ExitCode::from(2)
        }
    }
}

fn tidy() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
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
