//! What callers are told when the store fails; the reason goes to the log.

use std::error::Error;

use keywright_protocol::{ApiError, ErrorCode, Timestamp};
use keywright_store::StoreError;

/// Logs the failure and says as much as callers may know.
pub(crate) fn store_failed(error: &StoreError) -> ApiError {
    tracing::error!(error = error as &(dyn Error + 'static), "the identity database failed");
    let code = match error {
        StoreError::Unreadable { .. } | StoreError::Statement(_) => ErrorCode::Internal,
        _ => ErrorCode::StorageUnavailable,
    };
    code.into()
}

/// Whole seconds until `until`, rounded up: whoever waits that long is not refused for the same reason.
pub(crate) fn seconds_until(until: Timestamp, now: Timestamp) -> i64 {
    until.millis_since(now).max(0).div_euclid(1_000) + i64::from(until.millis_since(now) % 1_000 > 0)
}
