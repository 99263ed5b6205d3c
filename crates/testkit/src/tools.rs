//! The programs that `./test` installs.

use std::path::PathBuf;

/// One of them, by its path.
///
/// # Panics
/// When it is not installed.
pub fn tool(path: &str) -> PathBuf {
    let Ok(folder) = std::env::var("KEYWRIGHT_TEST_TOOLS") else {
        panic!("KEYWRIGHT_TEST_TOOLS is not set: run `./test`, which installs the programs for the tests")
    };
    let tool = PathBuf::from(folder).join(path);
    assert!(tool.exists(), "{} is not there: run `./test`, which installs it", tool.display());
    tool
}
