//! The recorded calls: those of the account at a server, or those of local runs.

use keywright_client::RequestFilter;
use keywright_protocol::wire::{RequestDetail, RequestPage, UsageReport, UsageTotal};
use keywright_protocol::{ErrorCode, RequestId, Timestamp};
use keywright_server::local::{self, LocalCalls};

use crate::context::Context;
use crate::error::CommandError;

/// Where they are recorded.
pub(crate) enum Calls {
    /// At the server.
    Server,
    /// In the file of local runs.
    Local(LocalCalls),
    /// Nowhere: no server is in use, and no local run has been recorded.
    None,
}

impl Calls {
    /// The server's if one is in use, unless those of local runs are asked for.
    pub(crate) async fn find(context: &Context, local: bool) -> Result<Self, CommandError> {
        if !local && context.find_server().await?.is_some() {
            return Ok(Self::Server);
        }
        match LocalCalls::open(&context.paths.data).await? {
            Some(calls) => {
                if !local {
                    context.output.say("No server is in use; these are the calls of local runs.");
                }
                Ok(Self::Local(calls))
            }
            None => {
                context.output.say(
                    "There is nothing to show, for no local run has been recorded yet: \
                     `keywright run --demo -- PROGRAM` starts one without a key.",
                );
                Ok(Self::None)
            }
        }
    }

    /// What was used since then.
    pub(crate) async fn report(
        &self,
        context: &Context,
        since: Timestamp,
    ) -> Result<UsageReport, CommandError> {
        match self {
            Self::Server => context.call("adding up", async |client| client.usage(Some(since)).await).await,
            Self::Local(calls) => Ok(calls.usage(since, context.now().plus_millis(1)).await?),
            Self::None => Ok(UsageReport { since, models: Vec::new(), total: UsageTotal::default() }),
        }
    }

    /// One of them, explained; none when it is not recorded there.
    pub(crate) async fn explain(
        &self,
        context: &Context,
        id: RequestId,
    ) -> Result<Option<RequestDetail>, CommandError> {
        match self {
            Self::Server => {
                match context.call("asking for the call", async |client| client.request(id).await).await {
                    Err(error) if error.is(ErrorCode::NotFound) => Ok(None),
                    answer => answer.map(Some),
                }
            }
            Self::Local(calls) => Ok(calls.explain(id).await?),
            Self::None => Ok(None),
        }
    }

    /// A page of them, newest first.
    pub(crate) async fn page(
        &self,
        context: &Context,
        filter: RequestFilter,
    ) -> Result<RequestPage, CommandError> {
        match self {
            Self::Server => {
                context.call("asking for the calls", async |client| client.requests(&filter).await).await
            }
            Self::Local(calls) => {
                let cursor = filter.cursor.map(|text| text.parse()).transpose();
                let cursor = cursor.map_err(|error: keywright_protocol::BadCursor| {
                    CommandError::known(ErrorCode::InvalidRequest, error.to_string())
                })?;
                let filter = local::RequestFilter {
                    cursor,
                    limit: filter.limit,
                    since: filter.since,
                    model: filter.model,
                    ..local::RequestFilter::default()
                };
                Ok(calls.requests(&filter).await?)
            }
            Self::None => Ok(RequestPage { requests: Vec::new(), next_cursor: None }),
        }
    }
}
