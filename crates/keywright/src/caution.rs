//! What is said aloud about the credential that counts before it is used.

use keywright_credentials::{ProfileSource, Resolved, Source, StoredKey};
use keywright_protocol::wire::WhoAmI;
use keywright_protocol::{Scope, Timestamp};

use crate::context::Context;

/// Warns where the credential is not that of the profile which was asked for, or will not be good for long.
/// `key` is the one stored in the profile.
pub(crate) fn credential(context: &Context, used: &Resolved, key: Option<&StoredKey>) {
    if let Some(words) = not_the_profiles(context, used) {
        context.output.warn(&words);
    }
    if let Some(key) = key.filter(|_| used.source == Source::StoredKey)
        && let Some(words) = ending(context, key)
    {
        context.output.warn(&words);
    }
}

fn not_the_profiles(context: &Context, used: &Resolved) -> Option<String> {
    let asked = matches!(context.profile_source, ProfileSource::Flag | ProfileSource::Environment);
    let named = matches!(used.source, Source::Flag | Source::Environment);
    // One of a higher rank may be shadowed as well; it is not the profile's.
    let stored = used
        .shadowed
        .iter()
        .find(|shadowed| !matches!(shadowed.source, Source::Flag | Source::Environment))
        .filter(|_| asked && named)?;
    let (place, profile) = (used.source.describe(), &context.profile);
    let mend = match used.source {
        Source::Environment => "Unset it to use the profile.",
        _ => "Leave it out to use the profile.",
    };
    Some(format!(
        "{place} ({}…) is used, and not {} ({}…) of the profile {profile} that {} names. {mend}",
        used.hint,
        stored.source.describe(),
        stored.hint,
        context.profile_source.describe(),
    ))
}

fn ending(context: &Context, key: &StoredKey) -> Option<String> {
    let end = key.metadata.expires_at?;
    let left = end.millis_since(context.now()) / 1000;
    if !is_soon(key.metadata.made_at(), end, context.now()) {
        return None;
    }
    let begun = format!("the stored key {}… of the profile {}", key.hint(), context.profile);
    if left <= 0 {
        return Some(format!("{begun} has expired, {end}. {SIGN_IN}"));
    }
    let mend = match key.metadata.key_id.filter(|_| key.metadata.manages_keys()) {
        // Its successor would end with the account as well.
        _ if key.metadata.temporary == Some(true) => SIGN_UP.to_owned(),
        Some(id) => format!("Put a new one in its place: `keywright tokens rotate {id}`."),
        None => SIGN_IN.to_owned(),
    };
    Some(format!("{begun} ends {}, {end}. {mend}", in_words(left)))
}

/// How long that is, in the largest unit that fits.
fn in_words(seconds: i64) -> String {
    let (count, unit) = match seconds {
        172_800.. => (seconds / 86_400, "days"),
        7_200.. => (seconds / 3_600, "hours"),
        120.. => (seconds / 60, "minutes"),
        _ => return "within two minutes".to_owned(),
    };
    format!("in {count} {unit}")
}

/// Warns where the end of a key that a flag or the environment names is near, by what the server has just
/// said of it.
pub(crate) fn caller(context: &Context, who: &WhoAmI) {
    let named = |used: &Resolved| matches!(used.source, Source::Flag | Source::Environment);
    let Some(used) = context.credential().ok().flatten().filter(named) else { return };
    let Some(end) = who.expires_at.filter(|_| who.token_kind == "sk") else { return };
    let now = context.now();
    if is_soon(who.token_id.made_at(), end, now) {
        let left = in_words(end.millis_since(now) / 1000);
        let mend = match (who.temporary, who.scopes.contains(Scope::ApiKeysManage)) {
            (true, _) => SIGN_UP.to_owned(),
            (false, true) => {
                format!("Put a new one in its place: `keywright tokens rotate {}`.", who.token_id)
            }
            (false, false) => SIGN_IN.to_owned(),
        };
        let place = used.source.describe();
        context.output.warn(&format!("the key {}… from {place} ends {left}, {end}. {mend}", used.hint));
    }
}

/// Whether an end is near enough to be warned of. A key that was made for a short time ends as it was meant
/// to, and so only its last quarter counts.
pub(crate) fn is_soon(made: Option<Timestamp>, end: Timestamp, now: Timestamp) -> bool {
    let left = end.millis_since(now);
    let whole = made.map(|made| end.millis_since(made)).filter(|whole| *whole < SHORT_MILLIS);
    left < SOON_MILLIS && whole.is_none_or(|whole| left < whole / 4)
}

const SOON_MILLIS: i64 = 7 * 86_400_000;
const SHORT_MILLIS: i64 = 2 * SOON_MILLIS;
const SIGN_IN: &str = "Sign in again with `keywright login` or `keywright auth login-request --email EMAIL`, or store \
                       another key with `keywright login --api-key-file FILE`.";

const SIGN_UP: &str = "It ends with its temporary account, which `keywright auth signup-request --email EMAIL` \
                       makes one that stays.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_for_a_short_time_is_warned_of_in_its_last_quarter() {
        let made = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let day = |days: i64| made.plus_seconds(days * 86_400);
        for (end, now, soon) in [(8, 0, false), (8, 5, false), (8, 7, true), (30, 20, false), (30, 24, true)]
        {
            assert_eq!(is_soon(Some(made), day(end), day(now)), soon, "{end} {now}");
        }
        assert!(is_soon(None, day(5), day(0)), "its term is not known");
    }

    #[test]
    fn a_time_is_told_in_a_unit_that_says_something() {
        for (seconds, words) in [
            (6 * 86_400, "in 6 days"),
            (47 * 3_600, "in 47 hours"),
            (7_199, "in 119 minutes"),
            (60, "within two minutes"),
        ] {
            assert_eq!(in_words(seconds), words);
        }
    }
}
