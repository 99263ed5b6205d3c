//! `keywright usage`: tokens by model, or the calls one by one.

use clap::Args;
use keywright_client::RequestFilter;
use keywright_protocol::wire::{ModelUsage, RequestRecord, TokenUsage, UsageReport};

use crate::calls::Calls;
use crate::context::Context;
use crate::error::CommandError;
use crate::since::Since;
use crate::table::table;

/// What to show.
#[derive(Debug, Args)]
pub(crate) struct UsageArgs {
    /// Shows the calls of local runs, even where a server is in use
    #[arg(long)]
    local: bool,
    /// Since when: 30m, 24h, 7d, 2w, or a time
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    since: Since,
    /// Lists the calls, newest first
    #[arg(long)]
    requests: bool,
    /// At most that many calls
    #[arg(long, value_name = "N", default_value_t = 20, requires = "requests",
          value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    /// Where the page before ended
    #[arg(long, requires = "requests")]
    cursor: Option<String>,
    /// Only calls for this model
    #[arg(long, requires = "requests")]
    model: Option<String>,
}

/// Asks the server, or the records of local runs where there is none, and prints.
pub(crate) async fn usage(context: &Context, args: UsageArgs) -> Result<(), CommandError> {
    let calls = Calls::find(context, args.local).await?;
    if args.requests {
        requests(context, &calls, args).await
    } else {
        report(context, &calls, args.since).await
    }
}

async fn report(context: &Context, calls: &Calls, since: Since) -> Result<(), CommandError> {
    let report = calls.report(context, since.instant(context.now())).await?;
    context.output.data(&report, || describe(&report))
}

async fn requests(context: &Context, calls: &Calls, args: UsageArgs) -> Result<(), CommandError> {
    let filter = RequestFilter {
        limit: Some(args.limit),
        cursor: args.cursor,
        since: Some(args.since.instant(context.now())),
        model: args.model,
        ..RequestFilter::default()
    };
    let page = calls.page(context, filter).await?;
    context.output.data(&page, || {
        let headings = ["TIME", "PROVIDER", "MODEL", "CLIENT", "STATUS", "OUTCOME", "IN", "OUT", "MS", "ID"];
        table(headings, page.requests.iter().map(call))
    })?;
    if let (false, Some(cursor)) = (context.output.is_json(), &page.next_cursor) {
        context.output.say(&format!("There are more: add `--cursor {cursor}`."));
    }
    Ok(())
}

fn describe(report: &UsageReport) -> String {
    let total = ModelUsage { provider: Some("total".to_owned()), model: None, total: report.total };
    let headings = ["PROVIDER", "MODEL", "CALLS", "FAILED", "IN", "OUT", "CACHE READ", "CACHE WRITTEN"];
    table(headings, report.models.iter().chain([&total]).map(sum))
}

fn sum(line: &ModelUsage) -> [String; 8] {
    let tokens = line.total.tokens;
    [
        or_dash(line.provider.as_deref()),
        or_dash(line.model.as_deref()),
        line.total.requests.to_string(),
        line.total.failed.to_string(),
        count(tokens.input_tokens, tokens),
        count(tokens.output_tokens, tokens),
        tokens.cache_read_tokens.to_string(),
        tokens.cache_write_tokens.to_string(),
    ]
}

fn call(record: &RequestRecord) -> [String; 10] {
    let outcome = match &record.error_code {
        Some(code) => format!("{} {code}", record.outcome),
        None => record.outcome.clone(),
    };
    [
        record.started_at.to_string(),
        or_dash(record.provider.as_deref()),
        or_dash(record.model.as_deref()),
        or_dash(record.client.as_deref()),
        record.status.map_or_else(dash, |status| status.to_string()),
        outcome,
        count(record.usage.input_tokens, record.usage),
        count(record.usage.output_tokens, record.usage),
        record.duration_ms.map_or_else(dash, |length| length.to_string()),
        record.id.to_string(),
    ]
}

/// An estimate says so.
fn count(tokens: i64, of: TokenUsage) -> String {
    if of.estimated { format!("~{tokens}") } else { tokens.to_string() }
}

fn or_dash(text: Option<&str>) -> String {
    text.map_or_else(dash, str::to_owned)
}

fn dash() -> String {
    "-".to_owned()
}
