//! The programs that are measured, and those that measure.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Fallible, Options};

/// The program to measure: the one that is published, unless another is named.
pub(super) fn keywright(root: &Path, options: &Options) -> Fallible<PathBuf> {
    if let Some(binary) = &options.binary {
        return binary.canonicalize().map_err(|error| format!("{}: {error}", binary.display()));
    }
    cargo(root, &["build", "--profile", "dist", "--package", "keywright"])?;
    Ok(target(root).join("dist/keywright"))
}

/// The program as somebody builds it who does not measure: in a tenth of the time.
pub(super) fn release(root: &Path) -> Fallible<PathBuf> {
    cargo(root, &["build", "--release", "--package", "keywright"])?;
    Ok(target(root).join("release/keywright"))
}

/// This very program, optimized unless it is taken `as_it_is`: a slow load generator would be what is
/// measured.
pub(super) fn tool(root: &Path, as_it_is: bool) -> Fallible<PathBuf> {
    if cfg!(debug_assertions) && !as_it_is {
        cargo(root, &["build", "--release", "--package", "keywright-xtask"])?;
        return Ok(target(root).join("release/keywright-xtask"));
    }
    std::env::current_exe().map_err(|error| error.to_string())
}

/// Where cargo builds.
pub(super) fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

fn cargo(root: &Path, arguments: &[&str]) -> Fallible<()> {
    let mut command = Command::new(env!("CARGO"));
    let status = command.args(arguments).arg("--locked").current_dir(root).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo {}: {status}", arguments.join(" "))),
        Err(error) => Err(format!("cargo: {error}")),
    }
}
