//! `keywright why REQUEST_ID`: one call explained.

use clap::Args;
use keywright_protocol::wire::{KeyCard, RequestDetail, ShadowedCredential};
use keywright_protocol::{ErrorCode, RequestId};

use crate::context::Context;
use crate::error::CommandError;
use crate::table::printable;

/// Which call.
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// Its id, as errors and `keywright usage --requests` show it; signs around it do no harm
    #[arg(value_name = "REQUEST_ID", allow_hyphen_values = true)]
    request_id: String,
}

/// Asks the server and prints.
pub(crate) async fn why(context: &Context, args: &WhyArgs) -> Result<(), CommandError> {
    let id = request_id(&args.request_id)?;
    let detail = context.call("asking for the call", async |client| client.request(id).await).await;
    let detail = detail.map_err(|error| if error.is(ErrorCode::NotFound) { not_found(id) } else { error })?;
    context.output.data(&detail, || describe(&detail))
}

/// Finds the id in what was pasted. That is not repeated: it may be a token by mistake.
fn request_id(pasted: &str) -> Result<RequestId, CommandError> {
    let mut candidates = pasted.match_indices(RequestId::PREFIX).filter_map(|(at, _)| {
        let end = pasted[at..].find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let whole = !pasted[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        whole.then(|| &pasted[at..end.map_or(pasted.len(), |end| at + end)])
    });
    let found = candidates.clone().find_map(|candidate| candidate.parse().ok());
    found.ok_or_else(|| {
        let error = CommandError::usage("that is no id of a call")
            .hint("An id looks like req_0190a1b2c3d47e8f9a0b1c2d3e4f5061: `req_` and 32 digits from 0 to f.");
        match candidates.next() {
            Some(_) => error.hint(
                "A provider's own ids can begin like it; `keywright usage --requests` lists those of Keywright.",
            ),
            None => error,
        }
    })
}

fn not_found(id: RequestId) -> CommandError {
    CommandError::known(
        ErrorCode::NotFound,
        format!("no call {id} is recorded for the organization of this credential"),
    )
    .hint(
        "A caller that cannot be proven has no record (codes that begin with KEY_, WRONG_KEY_KIND, \
         AMBIGUOUS_CREDENTIALS), and neither has what is no model call: there the error itself says all.",
    )
    .hint(
        "Otherwise the call belongs to another account or server (see `keywright status`), was made in local \
         mode (see `keywright usage --local --requests`), or is older than the server keeps records.",
    )
}

fn describe(detail: &RequestDetail) -> String {
    let call = &detail.request;
    let mut lines = Lines::default();
    lines.add("call", format!("{}, {}", call.id, call.started_at));
    lines.add(
        "account",
        format!("{} in {} {}", call.user_id, detail.organization_id, detail.organization_name),
    );
    match &detail.key {
        Some(key) => lines.add("token", card(key)),
        None => lines.add("token", format!("{} (forgotten by the server since)", call.key_id)),
    }
    if let Some(parent) = &detail.parent_key {
        lines.add("", format!("made from {}", card(parent)));
    }
    let client = call.client.as_deref().unwrap_or("an unknown program");
    let session = call.session_id.as_ref().map(|id| format!(", session {id}")).unwrap_or_default();
    lines.add("client", format!("{client}{session}"));
    let stream = if call.stream { ", as a stream" } else { "" };
    lines.add("route", format!("{} in the dialect {}{stream}", call.route, call.dialect));
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    lines.add("provider", dash(&call.provider));
    lines.add("model", dash(&call.model));
    lines.add("credential", credential(call.credential.as_deref(), call.credential_hint.as_deref()));
    for shadowed in &detail.shadowed {
        lines.add("", not_used(shadowed));
    }
    let milliseconds = |time: Option<i64>| time.map_or_else(|| "-".to_owned(), |time| format!("{time} ms"));
    let (first, end) = (milliseconds(call.first_byte_ms), milliseconds(call.duration_ms));
    lines.add("times", format!("first byte {first}, end {end}"));
    let tokens = call.usage;
    let estimated = if tokens.estimated { " (estimated)" } else { "" };
    lines.add(
        "tokens",
        format!(
            "{} in, {} out, {} read from and {} written to the cache{estimated}",
            tokens.input_tokens, tokens.output_tokens, tokens.cache_read_tokens, tokens.cache_write_tokens
        ),
    );
    if let Some(id) = &call.upstream_request_id {
        lines.add("upstream", format!("calls it {id}"));
    }
    let status = call.status.map(|status| format!(" {status}")).unwrap_or_default();
    let code = call.error_code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
    lines.add("outcome", format!("{}{status}{code}", call.outcome));
    lines.add("", detail.verdict.summary.clone());
    if let Some(next) = &detail.verdict.next_action {
        lines.add("next", next.clone());
    }
    lines.0.join("\n")
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, name: &str, text: String) {
        self.0.push(format!("{name:<11} {}", printable(&text)));
    }
}

fn card(key: &KeyCard) -> String {
    let KeyCard { key_id, kind, name, key_prefix, revoked_at } = key;
    let kind = match kind.as_str() {
        "sk" => "API key",
        "tmp" => "temporary account",
        "at" => "access token",
        other => other,
    };
    let name = if name.is_empty() { String::new() } else { format!(" “{name}”") };
    let revoked = revoked_at.map(|at| format!(", revoked {at}")).unwrap_or_default();
    format!("{kind}{name} {key_prefix}… ({key_id}{revoked})")
}

fn credential(kind: Option<&str>, hint: Option<&str>) -> String {
    let hint = hint.map(|hint| format!(" {hint}")).unwrap_or_default();
    match kind {
        None => "none was chosen".to_owned(),
        Some("central") => format!("the server's key{hint}"),
        Some("byok") => format!("the caller's own key{hint}"),
        Some(other) => format!("{other}{hint}"),
    }
}

fn not_used(shadowed: &ShadowedCredential) -> String {
    let ShadowedCredential { kind, place, hint } = shadowed;
    match (kind.as_str(), place.as_str()) {
        ("byok", place) => format!("not used: the caller's own key in `{place}` {hint}"),
        ("central", "configuration") => format!("not used: the server's key {hint}"),
        (kind, place) => format!("not used: {kind} in {place} {hint}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_in_what_was_pasted() {
        let id = "req_0190a1b2c3d47e8f9a0b1c2d3e4f5061";
        let others = ["req_011CSHoEeqs5C35K2UUqR7Fy", "x"];
        for pasted in [
            id.to_owned(),
            format!(" \"{id}\"."),
            format!("(request id: {id})"),
            format!("requestId={id},"),
            format!("--{id}"),
            format!("{} {id}", others[0]),
        ] {
            assert_eq!(request_id(&pasted).unwrap().to_string(), id, "{pasted}");
        }
    }

    #[test]
    fn what_is_no_id_is_refused_without_being_repeated() {
        for pasted in ["", "sk_kw_canary", "req_", "req_canary", "req_0190A1B2C3D47E8F9A0B1C2D3E4F5061"] {
            let error = request_id(pasted).unwrap_err();
            assert_eq!(error.exit(), 2);
            let told = format!("{}{:?}", error.message(), error.hints());
            assert!(told.contains("req_0190") && !told.contains("canary"), "{told}");
            assert_eq!(told.contains("provider's own"), pasted.starts_with("req_"), "{pasted}");
        }
        let id = "req_0190a1b2c3d47e8f9a0b1c2d3e4f5061";
        for pasted in [format!("x{id}"), format!("{id}0"), format!("_{id}")] {
            assert!(request_id(&pasted).is_err(), "{pasted}");
        }
    }
}
