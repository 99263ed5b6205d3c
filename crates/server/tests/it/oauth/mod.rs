//! The authorization server, as programs see it.

mod device;
mod metadata;
mod register;
mod scene;
mod sessions;
mod token;
mod worth;
