//! What came of a call, in words, and what would mend it: from its record alone, so that a server and
//! a local record say the same.

use crate::wire::{RequestRecord, ShadowedCredential, UpstreamError, Verdict};
use crate::{ErrorCode, UserId};

/// Says what came of a call; `shadowed` are the credentials that came along and were not used.
pub fn verdict(
    record: &RequestRecord,
    shadowed: &[ShadowedCredential],
    error: Option<&UpstreamError>,
) -> Verdict {
    let code = record.error_code.as_deref().and_then(ErrorCode::from_name);
    let said = |summary: &str, next: Option<&str>| Verdict {
        summary: summary.to_owned(),
        next_action: next.map(str::to_owned),
    };
    let of_code = |before: &str, unknown: &str| match code {
        Some(code) => said(&format!("{before} {}", code.message()), Some(next_action(code, record))),
        None => said(unknown, None),
    };
    match record.outcome.as_str() {
        "running" => said("It is still running.", None),
        "succeeded" => said("The answer went out whole.", None),
        // An own key goes to its dialect's vendor alone, whatever else is configured.
        "refused" if code == Some(ErrorCode::ProviderNotConfigured) && !shadowed.is_empty() => said(
            "Keywright refused it: an own provider key came along, and the provider that it is for is not \
             configured.",
            Some("Leave out your own provider key, or name the provider: `/gateway/PROVIDER/...`."),
        ),
        "refused" => of_code("Keywright refused it; nothing went to the provider.", "Keywright refused it."),
        "upstream_error" if record.error_code.is_some() => {
            of_code("The provider gave no answer.", "The provider gave no answer.")
        }
        "upstream_error" => upstream(record, error),
        "cut" => of_code("The answer broke off.", "The answer broke off."),
        "client_aborted" => said(
            "The program that called left before the end of the answer.",
            Some("If nobody stopped it, look at the time-out of that program."),
        ),
        "revoked" => said(
            "Its token was revoked while it was running, so the answer was cut.",
            Some(ErrorCode::KeyRevoked.next_action()),
        ),
        "interrupted" if is_local(record) => said(
            "The `keywright run` that it went through ended before the call did.",
            Some("Send it again."),
        ),
        "interrupted" => said("The server ended before the call did.", Some("Send it again.")),
        other => said(&format!("It ended as `{other}`, which this version does not know."), None),
    }
}

/// Whether it went through the gateway of a local run.
fn is_local(record: &RequestRecord) -> bool {
    record.user_id == UserId::LOCAL
}

/// What mends it. In local mode there is no operator but the user.
fn next_action(code: ErrorCode, record: &RequestRecord) -> &'static str {
    match code {
        ErrorCode::ProviderNotConfigured if is_local(record) => {
            "Set the provider's key variable and start `keywright run` again; `keywright status` says which \
             providers it finds."
        }
        ErrorCode::UpstreamUnreachable if is_local(record) => {
            "Try again shortly; if it stays, `keywright doctor` says why this machine cannot connect to it."
        }
        ErrorCode::UpstreamTls if is_local(record) => {
            "If a company's own authority signs here, name its file in KEYWRIGHT_TLS_EXTRA_CA; `keywright \
             doctor` says what is wrong."
        }
        other => other.next_action(),
    }
}

fn upstream(record: &RequestRecord, error: Option<&UpstreamError>) -> Verdict {
    let provider = record.provider.as_deref().unwrap_or("the provider");
    let status = record.status.unwrap_or_default();
    let names: Vec<&str> = error
        .into_iter()
        .flat_map(|error| [&error.kind, &error.code])
        .flatten()
        .map(String::as_str)
        .collect();
    let named = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    let own = record.credential.as_deref() == Some("byok");
    let local = is_local(record);
    let next = match status {
        401 | 403 if own && local => {
            format!("{provider} does not take the key that the program sent: replace it, or leave it out.")
        }
        401 | 403 if local => {
            format!("{provider} does not take your key: replace it; `keywright status` says where it stands.")
        }
        401 | 403 if own => format!(
            "{provider} does not take your own key: replace it, or leave it out if the server has one."
        ),
        401 | 403 => format!("{provider} does not take the server's key: ask the operator to replace it."),
        402 => format!("The account at {provider} has no credit left: top it up."),
        404 => match &record.model {
            Some(model) => format!("Check the model: {provider} knows no `{model}`, or not with this key."),
            None => "Check the path and the id in it.".to_owned(),
        },
        429 => format!("The key's limit at {provider} is reached: wait, or use another key."),
        500.. => format!("{provider} failed or is overloaded: send it again in a while."),
        _ => format!(
            "{provider} takes the request for wrong. Its message stood in the answer, and is not kept here."
        ),
    };
    Verdict {
        summary: format!("{provider} answered with an error, which was passed on: status {status}{named}."),
        next_action: Some(next),
    }
}

#[cfg(test)]
mod tests {
    use crate::record::OutcomeKind;
    use crate::wire::TokenUsage;
    use crate::{KeyId, RequestId, Timestamp};

    use super::*;

    fn record(outcome: &str, code: Option<ErrorCode>, status: u16) -> RequestRecord {
        RequestRecord {
            id: RequestId::new(),
            started_at: Timestamp(0),
            user_id: UserId::new(),
            key_id: KeyId::new(),
            provider: Some("anthropic".into()),
            dialect: "anthropic".into(),
            route: "POST /v1/messages".into(),
            model: Some("claude-x".into()),
            client: None,
            session_id: None,
            stream: false,
            status: Some(status),
            outcome: outcome.into(),
            error_code: code.map(|code| code.as_str().to_owned()),
            first_byte_ms: None,
            duration_ms: None,
            request_bytes: 0,
            response_bytes: 0,
            usage: TokenUsage::default(),
            credential: None,
            credential_hint: None,
            upstream_request_id: None,
        }
    }

    #[test]
    fn every_outcome_has_words_and_every_bad_one_something_to_do() {
        for kind in OutcomeKind::ALL {
            let code =
                matches!(kind, OutcomeKind::Refused | OutcomeKind::Cut).then_some(ErrorCode::ByokDisabled);
            let verdict = verdict(&record(kind.as_str(), code, 403), &[], None);
            assert!(!verdict.summary.contains("does not know"), "{kind:?}");
            assert_eq!(verdict.next_action.is_none(), kind == OutcomeKind::Succeeded, "{kind:?}");
        }
        let mut local = record("interrupted", None, 0);
        local.user_id = UserId::LOCAL;
        assert!(verdict(&local, &[], None).summary.contains("`keywright run`"));
        assert!(verdict(&record("later", None, 200), &[], None).summary.contains("`later`"));
    }

    #[test]
    fn a_code_brings_its_own_advice() {
        let verdict = verdict(&record("refused", Some(ErrorCode::ByokDisabled), 403), &[], None);
        assert!(verdict.summary.ends_with(ErrorCode::ByokDisabled.message()), "{}", verdict.summary);
        assert_eq!(verdict.next_action.as_deref(), Some(ErrorCode::ByokDisabled.next_action()));
    }

    #[test]
    fn a_local_run_is_sent_to_no_operator() {
        for code in [ErrorCode::ProviderNotConfigured, ErrorCode::UpstreamUnreachable, ErrorCode::UpstreamTls]
        {
            let mut call = record("upstream_error", Some(code), 502);
            let next = |call: &RequestRecord| verdict(call, &[], None).next_action.expect("advice");
            assert_eq!(next(&call), code.next_action());
            call.user_id = UserId::LOCAL;
            assert!(!next(&call).contains("operator") && !next(&call).contains("serve"), "{}", next(&call));
        }
    }

    #[test]
    fn an_upstreams_error_is_advised_on_by_status_and_by_whose_key_it_was() {
        let mut call = record("upstream_error", None, 401);
        let error = UpstreamError { kind: Some("authentication_error".into()), code: None };
        let central = verdict(&call, &[], Some(&error));
        assert!(central.summary.ends_with("status 401 (authentication_error)."), "{}", central.summary);
        assert!(central.next_action.is_some_and(|next| next.contains("the operator")));
        call.user_id = UserId::LOCAL;
        assert!(verdict(&call, &[], None).next_action.is_some_and(|next| next.contains("take your key")));
        call.credential = Some("byok".into());
        assert!(verdict(&call, &[], None).next_action.is_some_and(|next| next.contains("the program sent")));
        call.user_id = UserId::new();
        assert!(verdict(&call, &[], None).next_action.is_some_and(|next| next.contains("your own key")));
        call.status = Some(404);
        assert!(verdict(&call, &[], None).next_action.is_some_and(|next| next.contains("`claude-x`")));
    }
}
