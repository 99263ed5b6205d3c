//! Which platform credential counts: one ordered array, which resolve, `status`, docs and tests read.

use keywright_protocol::{KeyId, Timestamp};
use keywright_secret::{MalformedToken, PlatformToken, Secret, TokenKind, Vendor, looks_like_ours};

use crate::{Environment, ServerEntry};

/// Where a platform credential can come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The global flag `--api-key`.
    Flag,
    /// The variable `KEYWRIGHT_API_KEY`.
    Environment,
    /// The API key stored for the profile.
    StoredKey,
    /// The session of a sign-in.
    Session,
    /// The temporary account.
    Temporary,
}

impl Source {
    /// The first of these that is set is used; it shadows all after it.
    pub const PRECEDENCE: [Self; 5] =
        [Self::Flag, Self::Environment, Self::StoredKey, Self::Session, Self::Temporary];

    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Flag => "--api-key",
            Self::Environment => "KEYWRIGHT_API_KEY",
            Self::StoredKey => "the stored API key",
            Self::Session => "the session",
            Self::Temporary => "the temporary account",
        }
    }

    /// For programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::StoredKey => "storedKey",
            Self::Session => "session",
            Self::Temporary => "temporary",
        }
    }

    fn candidate(self, candidates: &Candidates<'_>) -> Option<Secret> {
        let stored = candidates.stored;
        match self {
            Self::Flag => candidates.flag.cloned(),
            Self::Environment => candidates.environment.text("KEYWRIGHT_API_KEY").map(Secret::new),
            Self::StoredKey => stored?.api_key.as_ref().map(|key| key.raw.clone()),
            Self::Session => stored?.session.as_ref().map(|session| session.access_token.clone()),
            // One that has ended is replaced, so it neither counts nor shadows.
            Self::Temporary => {
                let temporary = stored?.temporary.as_ref()?;
                (!temporary.expired(candidates.now)).then(|| temporary.token.clone())
            }
        }
    }
}

impl Source {
    /// Which key it is and when it ends, as far as that is stored.
    fn known(self, stored: Option<&ServerEntry>) -> (Option<KeyId>, Option<Timestamp>) {
        let Some(entry) = stored else { return (None, None) };
        match (self, &entry.api_key, &entry.temporary) {
            (Self::StoredKey, Some(key), _) => (key.metadata.key_id, key.metadata.expires_at),
            (Self::Temporary, _, Some(temporary)) => (None, temporary.expires_at),
            _ => (None, None),
        }
    }
}

/// What there is to choose from.
pub struct Candidates<'a> {
    /// The value of `--api-key`.
    pub flag: Option<&'a Secret>,
    /// The environment.
    pub environment: &'a Environment,
    /// What is stored for the profile and the server that will be called.
    pub stored: Option<&'a ServerEntry>,
    /// Now.
    pub now: Timestamp,
}

/// The credential that counts.
#[derive(Debug)]
pub struct Resolved {
    /// The token.
    pub token: Secret,
    /// What kind of token.
    pub kind: TokenKind,
    /// Where it came from.
    pub source: Source,
    /// What may be shown of it.
    pub hint: String,
    /// When it ends, as far as is known here: of a stored key or a temporary account.
    pub expires_at: Option<Timestamp>,
    /// The id of a stored key, if it is known.
    pub key_id: Option<KeyId>,
    /// What else is set and does not count, in order.
    pub shadowed: Vec<Shadowed>,
}

/// A credential that is set and does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// Where it is set.
    pub source: Source,
    /// What may be shown of it.
    pub hint: String,
    /// Why it could not be used either, if so.
    pub problem: Option<UnusableCredential>,
}

/// Chooses the credential; `None` when nothing is set.
///
/// # Errors
/// [`UnusableCredential`] when the one that counts is no platform token. The next one is not tried: a
/// typing error must not silently change who is calling.
pub fn resolve(candidates: &Candidates<'_>) -> Result<Option<Resolved>, UnusableCredential> {
    let mut set = Source::PRECEDENCE
        .into_iter()
        .filter_map(|source| source.candidate(candidates).map(|secret| (source, secret)));
    let Some((source, secret)) = set.next() else { return Ok(None) };
    let check = |source, secret: &Secret| match (source, candidates.stored) {
        (Source::Session, Some(stored)) if stored.has_ended_session() => {
            Err(UnusableCredential::Ended { place: source })
        }
        _ => check(source, secret),
    };
    let token = check(source, &secret)?;
    let shadowed = set.map(|(source, secret)| Shadowed {
        source,
        hint: hint(&secret),
        problem: check(source, &secret).err(),
    });
    let shadowed = shadowed.collect();
    let (key_id, expires_at) = source.known(candidates.stored);
    let (kind, hint) = (token.kind(), token.hint());
    Ok(Some(Resolved { kind, hint, token: secret, source, expires_at, key_id, shadowed }))
}

fn check(source: Source, secret: &Secret) -> Result<PlatformToken, UnusableCredential> {
    let text = secret.expose();
    if secret.is_empty() {
        return Err(UnusableCredential::Empty { place: source });
    }
    if !looks_like_ours(text) {
        return Err(match Vendor::of(text) {
            Some(vendor) => UnusableCredential::Foreign { place: source, vendor: vendor.name() },
            None => UnusableCredential::Unknown { place: source },
        });
    }
    let token =
        PlatformToken::parse(text).map_err(|cause| UnusableCredential::Malformed { place: source, cause })?;
    match token.kind() {
        TokenKind::Refresh => Err(UnusableCredential::Refresh { place: source }),
        _ => Ok(token),
    }
}

fn hint(secret: &Secret) -> String {
    PlatformToken::parse(secret.expose()).map_or_else(|MalformedToken| secret.hint(), |token| token.hint())
}

/// The credential that counts cannot be used. None of these repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableCredential {
    /// Nothing is in it: an unset variable on the command line, for instance.
    #[error("{} is empty", place.describe())]
    Empty {
        /// Where it is set.
        place: Source,
    },
    /// A provider's own key stands where a Keywright token belongs.
    #[error("{} holds a key of {vendor}, not a Keywright token", place.describe())]
    Foreign {
        /// Where it is set.
        place: Source,
        /// Whose it is.
        vendor: &'static str,
    },
    /// It begins like no token of Keywright's.
    #[error("{} holds no Keywright token: those begin with sk_kw_, at_kw_ or tmp_kw_", place.describe())]
    Unknown {
        /// Where it is set.
        place: Source,
    },
    /// It begins like a token, but was mistyped or cut off.
    #[error("{}: {cause}", place.describe())]
    Malformed {
        /// Where it is set.
        place: Source,
        /// What is wrong with it.
        cause: MalformedToken,
    },
    /// The server has ended the sign-in. What comes after it does not count instead: who calls would change
    /// without a word.
    #[error("{} has ended", place.describe())]
    Ended {
        /// Where it is set.
        place: Source,
    },
    /// A refresh token only makes other tokens.
    #[error("{} holds a refresh token, which calls nothing by itself", place.describe())]
    Refresh {
        /// Where it is set.
        place: Source,
    },
}
