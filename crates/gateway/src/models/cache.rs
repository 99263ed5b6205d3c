//! The lists of the providers, kept for a minute by the whole process. They are asked for with the server's
//! own keys, so that everybody is told the same; what somebody's own key shows is never in here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use keywright_protocol::Timestamp;
use keywright_providers::Dialect;

use super::model::Model;

/// The models of a provider; `None` when it did not say.
pub(super) type List = Option<Arc<Vec<Model>>>;

/// One place for each provider and dialect, so that it never grows beyond the configuration.
#[derive(Debug, Default)]
pub(crate) struct Lists(Mutex<HashMap<(String, Dialect), Arc<Place>>>);

/// The place of one list.
#[derive(Debug, Default)]
pub(super) struct Place {
    kept: Mutex<Option<Kept>>,
    /// Whoever holds it asks the provider; the others wait for what it hears.
    pub(super) turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Kept {
    list: List,
    until: Timestamp,
}

impl Lists {
    /// The place of that provider's list.
    pub(super) fn place(&self, provider: &str, dialect: Dialect) -> Arc<Place> {
        let mut places = lock(&self.0);
        Arc::clone(places.entry((provider.to_owned(), dialect)).or_default())
    }
}

impl Place {
    /// What is known, if it is young enough.
    pub(super) fn fresh(&self, now: Timestamp) -> Option<List> {
        let kept = lock(&self.kept);
        kept.as_ref().filter(|kept| now < kept.until).map(|kept| kept.list.clone())
    }

    /// Keeps what was heard. That nothing was is kept for less long: it spares a provider that is down, and
    /// everybody who would wait for it.
    pub(super) fn keep(&self, list: List, now: Timestamp) {
        let seconds = if list.is_some() { KEPT_SECONDS } else { MISSED_SECONDS };
        *lock(&self.kept) = Some(Kept { list, until: now.plus_seconds(seconds) });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const KEPT_SECONDS: i64 = 60;
const MISSED_SECONDS: i64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_kept_for_a_minute_and_a_miss_for_five_seconds() {
        let place = Lists::default().place("x", Dialect::OpenAi);
        assert!(place.fresh(Timestamp(0)).is_none());
        place.keep(Some(Arc::default()), Timestamp(0));
        assert!(place.fresh(Timestamp(59_999)).expect("kept").is_some());
        assert!(place.fresh(Timestamp(60_000)).is_none());
        place.keep(None, Timestamp(0));
        assert!(place.fresh(Timestamp(4_999)).expect("kept").is_none());
        assert!(place.fresh(Timestamp(5_000)).is_none());
    }
}
