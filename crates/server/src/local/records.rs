//! The calls that local runs have recorded.

use std::path::Path;

use keywright_protocol::wire::{RequestDetail, RequestPage, UsageReport};
use keywright_protocol::{OrganizationId, RequestId, Timestamp, verdict};
use keywright_store::{LocalRecords, RecordsReader, RequestFilter, StoreError};

/// The calls of all local runs of a user, those that are running now included.
pub struct LocalCalls {
    reader: RecordsReader,
    _records: LocalRecords,
}

/// The records file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct UnreadableRecords(#[from] StoreError);

impl LocalCalls {
    /// Opens the file in `folder`; `None` when no run has been recorded there.
    ///
    /// # Errors
    /// [`UnreadableRecords`]
    pub async fn open(folder: &Path) -> Result<Option<Self>, UnreadableRecords> {
        let Some(records) = LocalRecords::open_existing(folder).await? else { return Ok(None) };
        Ok(Some(Self { reader: RecordsReader::open_local(&records), _records: records }))
    }

    /// A page of them, newest first.
    ///
    /// # Errors
    /// [`UnreadableRecords`]
    pub async fn requests(&self, filter: &RequestFilter) -> Result<RequestPage, UnreadableRecords> {
        Ok(self.reader.page(OrganizationId::LOCAL, filter).await?)
    }

    /// One of them, explained as a server would. Tokens of runs end with their run, so none is shown, and
    /// the keys that the run had are not known any more.
    ///
    /// # Errors
    /// [`UnreadableRecords`]
    pub async fn explain(&self, id: RequestId) -> Result<Option<RequestDetail>, UnreadableRecords> {
        let Some(call) = self.reader.find(OrganizationId::LOCAL, id).await? else { return Ok(None) };
        Ok(Some(RequestDetail {
            organization_id: OrganizationId::LOCAL,
            organization_name: "Local runs on this machine".to_owned(),
            key: None,
            parent_key: None,
            verdict: verdict(&call.record, &call.shadowed, call.upstream_error.as_ref()),
            shadowed: call.shadowed,
            upstream_error: call.upstream_error,
            request: call.record,
        }))
    }

    /// What was used from `since` until before `until`.
    ///
    /// # Errors
    /// [`UnreadableRecords`]
    pub async fn usage(&self, since: Timestamp, until: Timestamp) -> Result<UsageReport, UnreadableRecords> {
        Ok(self.reader.usage(OrganizationId::LOCAL, since, until).await?)
    }
}
