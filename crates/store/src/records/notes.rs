//! What explains a call, written apart from its end: the few calls that have notes pay for them, and all
//! others nothing.

use keywright_protocol::record::Notes;
use keywright_protocol::wire::{ShadowedCredential, UpstreamError};

/// Sets the notes of one call, on SQLite.
pub(super) const NOTE: &str = "UPDATE requests SET shadowed = $1, upstream_error_type = $2, \
     upstream_error_code = $3 WHERE id = $4";

/// Sets the notes of calls, on PostgreSQL: a column of each value.
pub(super) const NOTE_COLUMNS: &str = "UPDATE requests SET shadowed = noted.shadowed, \
     upstream_error_type = noted.type, upstream_error_code = noted.code \
     FROM UNNEST($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::TEXT[]) AS noted (id, shadowed, type, code) \
     WHERE requests.id = noted.id";

/// The credentials as text: a line each.
pub(super) fn shadowed_text(notes: &Notes) -> Option<String> {
    let line = |shadowed: &ShadowedCredential| {
        let ShadowedCredential { kind, place, hint } = shadowed;
        format!("{kind} {place} {}", hint.replace(['\n', '\0'], ""))
    };
    let lines: Vec<String> = notes.shadowed.iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The same read back. A line that is not one of ours is left out.
pub(super) fn shadowed_of(text: Option<&str>) -> Vec<ShadowedCredential> {
    let read = |line: &str| {
        let mut parts = line.splitn(3, ' ').map(str::to_owned);
        Some(ShadowedCredential { kind: parts.next()?, place: parts.next()?, hint: parts.next()? })
    };
    text.into_iter().flat_map(str::lines).filter_map(read).collect()
}

/// The type and the code of the error.
pub(super) fn error_words(notes: &Notes) -> (Option<&str>, Option<&str>) {
    let error = notes.upstream_error.as_ref();
    (error.and_then(|error| error.kind.as_deref()), error.and_then(|error| error.code.as_deref()))
}

/// The same read back.
pub(super) fn error_of(kind: Option<String>, code: Option<String>) -> Option<UpstreamError> {
    (kind.is_some() || code.is_some()).then_some(UpstreamError { kind, code })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_come_back_as_they_were_and_no_hint_makes_a_line_of_its_own() {
        let credential = |place: &str, hint: &str| ShadowedCredential {
            kind: "byok".to_owned(),
            place: place.to_owned(),
            hint: hint.to_owned(),
        };
        let notes = Notes {
            shadowed: vec![credential("authorization", "s... .b"), credential("x-api-key", "a\nb c d")],
            upstream_error: None,
        };
        let text = shadowed_text(&notes);
        let back = shadowed_of(text.as_deref());
        assert_eq!(back, [credential("authorization", "s... .b"), credential("x-api-key", "ab c d")]);
        assert_eq!(shadowed_text(&Notes::default()), None);
        assert_eq!(shadowed_of(Some("nonsense")), []);
    }
}
