//! Which part of a list is asked for, in the words of each dialect. Left out, all of it.

use keywright_protocol::{ApiError, ErrorCode};
use keywright_providers::Dialect;
use url::form_urlencoded;

/// Which part.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Paging {
    limit: Option<usize>,
    after: Option<String>,
    before: Option<String>,
}

/// A part of a list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'l, T> {
    pub(super) items: &'l [T],
    /// Whether there is more in the direction that was asked for.
    pub(super) more: bool,
}

impl Paging {
    /// Reads a query. Parameters that the dialect does not have are nobody's business, as at the vendors.
    pub(super) fn read(dialect: Dialect, query: &str) -> Result<Self, ApiError> {
        let mut paging = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let text = (!value.is_empty()).then(|| value.clone().into_owned());
            match (dialect, &*name) {
                (Dialect::Anthropic, "limit") => {
                    let limit = value.parse().ok().filter(|limit| (1..=LONGEST_PAGE).contains(limit));
                    paging.limit = Some(limit.ok_or_else(|| invalid("`limit` is a number from 1 to 1000."))?);
                }
                (Dialect::Anthropic, "after_id") => paging.after = text,
                (Dialect::Anthropic, "before_id") => paging.before = text,
                (Dialect::Gemini, "pageSize") => {
                    let size: usize = value.parse().map_err(|_| invalid("`pageSize` is a whole number."))?;
                    // As the vendor has it: none is its own choice, too many are as many as there may be.
                    paging.limit = (size > 0).then_some(size.min(LONGEST_PAGE));
                }
                (Dialect::Gemini, "pageToken") => paging.after = text,
                _ => {}
            }
        }
        if paging.after.is_some() && paging.before.is_some() {
            return Err(invalid("Send `after_id` or `before_id`, not both."));
        }
        Ok(paging)
    }

    /// The part of `all`, each of which `id_of` names.
    pub(super) fn part<'l, T>(
        &self,
        all: &'l [T],
        id_of: impl Fn(&T) -> &str,
    ) -> Result<Part<'l, T>, ApiError> {
        let place = |id: &str| {
            let found = all.iter().position(|item| id_of(item) == id);
            found.ok_or_else(|| invalid("The page begins at a model that is not in the list."))
        };
        let limit = self.limit.unwrap_or(usize::MAX);
        if let Some(before) = &self.before {
            let end = place(before)?;
            let start = end.saturating_sub(limit);
            return Ok(Part { items: &all[start..end], more: start > 0 });
        }
        let start = match &self.after {
            Some(after) => place(after)? + 1,
            None => 0,
        };
        let end = start.saturating_add(limit).min(all.len());
        Ok(Part { items: &all[start..end], more: end < all.len() })
    }
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(ErrorCode::InvalidRequest)
        .because(message)
        .next("Correct the query, or leave it out for the whole list.")
}

const LONGEST_PAGE: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn part(dialect: Dialect, query: &str) -> Result<(String, bool), ErrorCode> {
        let paging = Paging::read(dialect, query).map_err(|error| error.code)?;
        let part = paging.part(&ALL, |id| id).map_err(|error| error.code)?;
        Ok((part.items.concat(), part.more))
    }

    #[test]
    fn a_part_is_cut_as_each_dialect_asks_for_it() {
        for (dialect, query, items, more) in [
            (Dialect::Anthropic, "", "abcde", false),
            (Dialect::Anthropic, "limit=2", "ab", true),
            (Dialect::Anthropic, "limit=2&after_id=b", "cd", true),
            (Dialect::Anthropic, "limit=2&after_id=d", "e", false),
            (Dialect::Anthropic, "after_id=e", "", false),
            (Dialect::Anthropic, "limit=2&before_id=d", "bc", true),
            (Dialect::Anthropic, "limit=9&before_id=d&beta=true", "abc", false),
            (Dialect::Gemini, "pageSize=3", "abc", true),
            (Dialect::Gemini, "pageSize=5000&pageToken=c&$alt=json", "de", false),
            (Dialect::Gemini, "pageSize=0", "abcde", false),
            (Dialect::OpenAi, "limit=2&after_id=b", "abcde", false),
        ] {
            assert_eq!(part(dialect, query), Ok((items.to_owned(), more)), "{query}");
        }
    }

    #[test]
    fn nonsense_is_refused_and_not_taken_for_the_beginning() {
        for (dialect, query) in [
            (Dialect::Anthropic, "limit=0"),
            (Dialect::Anthropic, "limit=1001"),
            (Dialect::Anthropic, "limit=many"),
            (Dialect::Anthropic, "after_id=nobody"),
            (Dialect::Anthropic, "after_id=a&before_id=c"),
            (Dialect::Gemini, "pageSize=-1"),
            (Dialect::Gemini, "pageToken=nobody"),
        ] {
            assert_eq!(part(dialect, query), Err(ErrorCode::InvalidRequest), "{query}");
        }
    }
}
