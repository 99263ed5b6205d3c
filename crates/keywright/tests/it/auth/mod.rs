//! `auth`: an account and a key with a mailbox and two commands.

mod asking;
mod recipe;
mod scene;
mod served;
mod taking;
mod upgrading;
