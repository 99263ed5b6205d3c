//! The authorization server over a real store.

mod clients;
mod codes;
mod device;
mod refresh;
mod scene;
mod sessions;
mod upgrade;
