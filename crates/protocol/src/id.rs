//! Ids: a prefix that says of what, and a version 7 UUID without dashes, so that they sort by age.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::Timestamp;

/// The text is not an id of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `{0}` and 32 hexadecimal digits")]
pub struct BadId(&'static str);

macro_rules! id {
    ($name:ident, $prefix:literal, $what:literal) => {
        #[doc = concat!("The id of ", $what, ": `", $prefix, "` and 32 lower-case hexadecimal digits.")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// What the id begins with.
            pub const PREFIX: &'static str = $prefix;

            /// What local mode, which has no accounts, writes in the place of one.
            pub const LOCAL: Self = Self(Uuid::nil());

            /// A new id, later in order than all that this process made before.
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// When it was made, by the clock of whoever made it; nothing for [`LOCAL`](Self::LOCAL).
            pub fn made_at(&self) -> Option<Timestamp> {
                let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
                let seconds = i64::try_from(seconds).ok()?.checked_mul(1000)?;
                Some(Timestamp(seconds + i64::from(nanoseconds / 1_000_000)))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                let digits = text.strip_prefix($prefix).ok_or(BadId($prefix))?;
                // One spelling only: ids are cursors and parts of sealed places.
                let lower = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if digits.len() != 32 || !lower {
                    return Err(BadId($prefix));
                }
                Uuid::try_parse(digits).map(Self).map_err(|_| BadId($prefix))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(UserId, "usr_", "a user");
id!(OrganizationId, "org_", "an organization");
id!(KeyId, "key_", "a platform token of any kind");
id!(InvitationId, "inv_", "an invitation into an organization");
id!(CodeRequestId, "otp_", "a request for a mailed code");
id!(RequestId, "req_", "a request, and of its record");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_sorts_by_age() {
        let first = KeyId::new();
        let second = KeyId::new();
        assert_eq!(first.to_string().parse::<KeyId>(), Ok(first));
        assert!(first.to_string() < second.to_string());
        assert_eq!(first.to_string().len(), 36);
    }

    #[test]
    fn an_id_says_when_it_was_made() {
        let id: UserId = "usr_01a1fb1b61707227bd0532ecdd9c09ba".parse().unwrap();
        assert_eq!(id.made_at(), Timestamp::parse("2026-11-20T22:37:18.064Z"));
        assert_eq!(UserId::LOCAL.made_at(), None);
    }

    #[test]
    fn other_prefixes_spellings_and_lengths_are_refused() {
        let id = UserId::new().to_string();
        for wrong in
            ["", "usr_", &id.replace("usr_", "org_"), &id[..35], &id.to_uppercase(), &format!("{id}0")]
        {
            assert!(wrong.parse::<UserId>().is_err(), "{wrong}");
        }
    }
}
