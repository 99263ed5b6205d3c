//! What must be true of everything that was sent in a scenario.

use std::sync::{Mutex, PoisonError};

use keywright_secret::mentions_token;

use crate::log;
use crate::provider::Received;

/// What clients of one server sent and got.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    downstream: Mutex<Vec<u8>>,
    secrets: Mutex<Vec<String>>,
}

impl Seen {
    /// Notes what a client received.
    pub(crate) fn came_down(&self, bytes: &[u8]) {
        let mut downstream = lock(&self.downstream);
        downstream.extend_from_slice(bytes);
        // Two answers must not make up a key between them.
        downstream.push(b'\n');
    }

    /// Notes a secret that must not be logged.
    pub(crate) fn secret(&self, text: &str) {
        lock(&self.secrets).push(text.to_owned());
    }

    /// Looks through all of it.
    pub(crate) fn check(&self, received: &[Received], provider_keys: &[String], token_in_body: bool) {
        for request in received {
            let target = mentions_token(request.target.as_bytes());
            assert!(
                !target,
                "a platform token went up in the target of {} {}",
                request.method,
                request.path()
            );
            for (name, value) in &request.headers {
                let found = mentions_token(name.as_bytes()) || mentions_token(value);
                assert!(!found, "a platform token went up in the header {name} of {}", request.path());
            }
            let body = mentions_token(&request.body) && !token_in_body;
            assert!(!body, "a platform token went up in the body of {}", request.path());
        }
        let downstream = lock(&self.downstream);
        for (number, key) in provider_keys.iter().enumerate() {
            let found = memchr::memmem::find(&downstream, key.as_bytes()).is_some();
            assert!(!found, "the provider key number {number} came down to a client");
            assert!(!log::mentions(key), "the provider key number {number} was logged");
        }
        for secret in lock(&self.secrets).iter() {
            assert!(
                !log::mentions(secret),
                "a secret that begins with {} was logged",
                &secret[..7.min(secret.len())]
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
