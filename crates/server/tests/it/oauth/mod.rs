//! The authorization server, as programs see it.

mod device;
mod metadata;
pub(crate) mod register;
pub(crate) mod scene;
mod sessions;
mod token;
mod worth;
