//! The writes of one transaction, sorted by statement.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use keywright_protocol::record::{Intent, Notes, Outcome, RecordOp};
use keywright_protocol::{RequestId, Timestamp};

/// Beginnings are written before ends, so an end finds its row even when both came together.
#[derive(Default)]
pub(super) struct Group<'a> {
    pub(super) begins: Vec<&'a Intent>,
    pub(super) ends: Vec<&'a Outcome>,
    /// Of the few calls that have any.
    pub(super) notes: Vec<(RequestId, &'a Notes)>,
    /// By minute, address and code. In order, so that two servers lock the rows in the same one.
    pub(super) refusals: BTreeMap<(i64, IpAddr, &'static str), i64>,
}

impl<'a> FromIterator<&'a RecordOp> for Group<'a> {
    fn from_iter<T: IntoIterator<Item = &'a RecordOp>>(ops: T) -> Self {
        let mut group = Self::default();
        for op in ops {
            match op {
                RecordOp::Begin(intent) => group.begins.push(intent),
                RecordOp::End(outcome) => group.end(outcome),
                RecordOp::Whole(intent, outcome) => {
                    group.begins.push(intent);
                    group.end(outcome);
                }
                RecordOp::Unproven { address, error, at } => {
                    let place = (minute(*at), network(*address), error.as_str());
                    *group.refusals.entry(place).or_default() += 1;
                }
            }
        }
        group
    }
}

impl<'a> Group<'a> {
    fn end(&mut self, outcome: &'a Outcome) {
        self.ends.push(outcome);
        if let Some(notes) = &outcome.notes {
            self.notes.push((outcome.id, notes));
        }
    }
}

/// The beginning of the minute.
pub(super) fn minute(at: Timestamp) -> i64 {
    at.0 - at.0.rem_euclid(60_000)
}

/// Whom to count: an IPv4 address, or the /64 of an IPv6 address, all of which one host may use.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) if !six.is_loopback() => IpAddr::V6((six.to_bits() >> 64 << 64).into()),
        other => other,
    }
}

/// The longest text that a record keeps, in bytes.
const LONGEST: usize = 512;

/// Text that both engines take. A NUL, which PostgreSQL refuses, would fail the rows of every other call
/// in the group, so it is left out, and what is longer than any honest name is cut.
pub(super) fn storable(text: &str) -> Cow<'_, str> {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) }
}

/// [`storable`], of what may be absent.
pub(super) fn storable_option(text: &Option<String>) -> Option<Cow<'_, str>> {
    text.as_deref().map(storable)
}

/// Numbers come from upstreams: none may be so large, or negative, that a sum overflows or shrinks.
pub(super) fn tokens(count: i64) -> i64 {
    count.clamp(0, 1 << 40)
}

#[cfg(test)]
mod tests {
    use keywright_protocol::ErrorCode;

    use super::*;

    #[test]
    fn refusals_add_up_by_minute_network_and_code() {
        let op = |address: &str, at| RecordOp::Unproven {
            address: address.parse().expect("an address"),
            error: ErrorCode::KeyMissing,
            at: Timestamp(at),
        };
        let ops = [
            op("10.0.0.1", 60_000),
            op("::ffff:10.0.0.1", 119_999),
            op("10.0.0.1", 120_000),
            op("2001:db8::1", 60_001),
            op("2001:db8::2", 60_002),
            op("::1", 60_003),
        ];
        let group: Group<'_> = ops.iter().collect();
        let counted: Vec<_> = group
            .refusals
            .iter()
            .map(|((minute, address, _), count)| (*minute, address.to_string(), *count))
            .collect();
        let expected = [
            (60_000, "10.0.0.1", 2),
            (60_000, "::1", 1),
            (60_000, "2001:db8::", 2),
            (120_000, "10.0.0.1", 1),
        ];
        assert_eq!(counted, expected.map(|(minute, address, count)| (minute, address.to_owned(), count)));
    }

    #[test]
    fn times_before_1970_have_minutes_too() {
        assert_eq!(minute(Timestamp(-1)), -60_000);
    }

    #[test]
    fn odd_text_is_made_storable() {
        assert_eq!(storable("claude"), Cow::Borrowed("claude"));
        assert_eq!(storable("a\0b"), "ab");
        assert_eq!(storable(&"ö".repeat(1000)).len(), 512);
        assert_eq!(storable(&format!("x{}", "ö".repeat(1000))).len(), 511);
    }
}
