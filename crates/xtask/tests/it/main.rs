//! The tools as programs.
#![allow(clippy::unwrap_used)]

mod bench;
