//! The programs that `./test` installs.

pub(crate) use keywright_testkit::tool;
