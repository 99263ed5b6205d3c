//! Cursors of lists that are read newest first.

use std::str::FromStr;

use crate::RequestId;

/// Where the next page of records begins: after the record of this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub RequestId);

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        text.parse().map(Self).map_err(|_| BadCursor)
    }
}

/// The cursor was not given out by this API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`cursor` must be the `nextCursor` of an earlier page")]
pub struct BadCursor;
