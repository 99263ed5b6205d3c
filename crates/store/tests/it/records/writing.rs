use keywright_protocol::record::{CredentialKind, Notes, Outcome, OutcomeKind, RecordOp};
use keywright_protocol::wire::{ShadowedCredential, TokenUsage, UpstreamError};
use keywright_protocol::{ErrorCode, KeyId, OrganizationId, RequestId};
use keywright_store::testing::on_both;
use keywright_store::{RecordsFailure, RefusalCount};
use std::sync::Arc;

use super::*;

#[tokio::test]
async fn every_field_of_a_call_reads_back_from_its_beginning_to_its_end() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let begun = intent(organization);
        write(&writer, vec![begin(&begun)]).await.expect("begun");
        let running = serde_json::to_value(only(&reader, organization).await).expect("JSON");
        let mut expected = serde_json::json!({
            "id": begun.id,
            "startedAt": "2026-11-18T11:06:00.000Z",
            "userId": begun.user,
            "keyId": begun.key,
            "provider": "anthropic",
            "dialect": "anthropic",
            "route": "POST /v1/messages",
            "model": "claude-opus-4-5",
            "client": "claude-code",
            "sessionId": "session-1",
            "stream": true,
            "outcome": "running",
            "requestBytes": 4321,
            "responseBytes": 0,
            "usage": TokenUsage::default(),
            "credential": "central",
            "credentialHint": "sk-ant-...abcd",
        });
        assert_eq!(running, expected);

        let mut ended = outcome(begun.id, OutcomeKind::UpstreamError);
        ended.error = Some(ErrorCode::KeyMissing);
        ended.usage.estimated = true;
        ended.response_id = Some("resp_1".to_owned());
        write(&writer, vec![end(ended.clone())]).await.expect("ended");
        let told = serde_json::json!({
            "status": 200,
            "outcome": "upstream_error",
            "errorCode": "KEY_MISSING",
            "firstByteMs": 120,
            "durationMs": 3400,
            "responseBytes": 98_765,
            "usage": ended.usage,
            "upstreamRequestId": "req_upstream",
        });
        expected.as_object_mut().expect("an object").extend(told.as_object().expect("an object").clone());
        let found = reader.find(organization, begun.id).await.expect("an answer").expect("it is there");
        assert_eq!(serde_json::to_value(found.record).expect("JSON"), expected);
        assert_eq!((found.root_key, found.shadowed.len(), found.upstream_error), (begun.key, 0, None));
        assert!(reader.holds_response(organization, "resp_1").await.expect("an answer"));
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_call_is_one_write_and_may_lack_what_was_not_found_out() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let mut bare = intent(organization);
        bare.provider = None;
        bare.model = None;
        bare.client = None;
        bare.session_id = None;
        bare.stream = false;
        bare.credential = Some(CredentialKind::Byok);
        bare.credential_hint = None;
        let refused = Outcome {
            status: Some(403),
            error: Some(ErrorCode::KeyMissing),
            first_byte_ms: None,
            usage: TokenUsage::default(),
            upstream_request_id: None,
            ..outcome(bare.id, OutcomeKind::Refused)
        };
        let id = bare.id;
        write(&writer, vec![RecordOp::Whole(Arc::new(bare), Box::new(refused))]).await.expect("written");
        let record = reader.find(organization, id).await.expect("an answer").expect("it is there").record;
        assert_eq!(record.outcome, "refused");
        assert_eq!(record.status, Some(403));
        assert_eq!(record.credential.as_deref(), Some("byok"));
        assert_eq!((record.provider, record.model, record.client), (None, None, None));
        assert_eq!((record.session_id, record.credential_hint), (None, None));
        assert_eq!((record.first_byte_ms, record.upstream_request_id), (None, None));
        assert!(!record.stream);
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn what_explains_a_call_is_kept_with_it_and_goes_to_no_other() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let parent = KeyId::new();
        let calls: Vec<Intent> =
            (0..3).map(|_| Intent { parent_key: Some(parent), ..intent(organization) }).collect();
        let error = UpstreamError { kind: Some("a\0b".to_owned()), code: None };
        let shadowed = ShadowedCredential {
            kind: "byok".to_owned(),
            place: "authorization".to_owned(),
            hint: "sk-p...beef".to_owned(),
        };
        let notes = [
            Notes::of(vec![shadowed.clone(), shadowed.clone()], None),
            Notes::of(Vec::new(), Some(error)),
            None,
        ];
        let ends = calls.iter().zip(notes).map(|(call, notes)| {
            let ended = Outcome { notes, ..outcome(call.id, OutcomeKind::UpstreamError) };
            RecordOp::Whole(Arc::new(call.clone()), Box::new(ended))
        });
        write(&writer, ends.collect()).await.expect("written");
        let mut found = Vec::new();
        for call in &calls {
            let call = reader.find(organization, call.id).await.expect("an answer").expect("it is there");
            assert_eq!(call.root_key, parent);
            found.push((call.shadowed, call.upstream_error.and_then(|error| error.kind)));
        }
        let expected =
            [(vec![shadowed.clone(), shadowed], None), (vec![], Some("ab".to_owned())), (vec![], None)];
        assert_eq!(found, expected);
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn all_batches_of_a_crowd_are_acknowledged_and_there() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let crowd: Vec<_> = (0..4)
            .map(|_| {
                let writer = writer.clone();
                std::thread::spawn(move || {
                    let calls = (0..100).map(|_| intent(organization));
                    calls
                        .map(|call| {
                            let ends = end(outcome(call.id, OutcomeKind::Succeeded));
                            (submit(&writer, vec![begin(&call)]), submit(&writer, vec![ends]))
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        for member in crowd {
            for (begun, ended) in member.join().expect("no panic") {
                assert_eq!(begun.await, Ok(Ok(())));
                assert_eq!(ended.await, Ok(Ok(())));
            }
        }
        let records = all(&reader, organization).await;
        assert_eq!(records.len(), 400);
        assert!(records.iter().all(|record| record.outcome == "succeeded"));
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn an_end_without_a_beginning_harms_nobody() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let lost = end(outcome(RequestId::new(), OutcomeKind::Cut));
        let good = intent(organization);
        write(&writer, vec![lost, begin(&good)]).await.expect("written");
        assert_eq!(only(&reader, organization).await.id, good.id);
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn a_call_whose_beginning_was_committed_unheard_can_be_written_whole() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let call = intent(organization);
        write(&writer, vec![begin(&call)]).await.expect("begun");
        let refused = outcome(call.id, OutcomeKind::Refused);
        write(&writer, vec![RecordOp::Whole(Arc::new(call), Box::new(refused))]).await.expect("written");
        assert_eq!(only(&reader, organization).await.outcome, "refused");
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn refusals_of_unknown_callers_add_up_within_a_minute() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let refusal = |address: &str, seconds| RecordOp::Unproven {
            address: address.parse().expect("an address"),
            error: ErrorCode::KeyMissing,
            at: NOW.plus_seconds(seconds),
        };
        write(&writer, vec![refusal("10.0.0.1", 0), refusal("10.0.0.1", 59)]).await.expect("written");
        write(&writer, vec![refusal("10.0.0.1", 1), refusal("10.0.0.1", 60)]).await.expect("written");
        write(&writer, vec![refusal("2001:db8::1", 2), refusal("2001:db8::2", 2)]).await.expect("written");
        let count = |minutes: i64, address: &str, count| RefusalCount {
            minute: NOW.plus_seconds(60 * minutes),
            address: address.to_owned(),
            code: "KEY_MISSING".to_owned(),
            count,
        };
        let counted = reader.refusals(NOW.plus_seconds(30)).await.expect("an answer");
        assert_eq!(counted, [count(1, "10.0.0.1", 1), count(0, "10.0.0.1", 3), count(0, "2001:db8::", 2)]);
        assert_eq!(reader.refusals(NOW.plus_seconds(60)).await.expect("an answer").len(), 1);
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn odd_text_of_one_caller_does_not_fail_the_group() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let mut odd = intent(organization);
        odd.model = Some("a\0b".to_owned());
        odd.session_id = Some("'; DROP TABLE requests; --".to_owned());
        odd.provider = Some("ö".repeat(100_000));
        let mut ends = outcome(odd.id, OutcomeKind::Succeeded);
        ends.response_id = Some("\0".to_owned());
        ends.usage.input_tokens = i64::MAX;
        ends.usage.output_tokens = -5;
        let others = (0..20).map(|_| whole(intent(organization)));
        let batch = [begin(&odd), end(ends)].into_iter().chain(others).collect();
        write(&writer, batch).await.expect("written");
        let record = reader.find(organization, odd.id).await.expect("an answer").expect("it is there").record;
        assert_eq!(record.model.as_deref(), Some("ab"));
        assert_eq!(record.session_id, odd.session_id);
        assert_eq!(record.provider.map(|provider| provider.len()), Some(512));
        assert_eq!((record.usage.input_tokens, record.usage.output_tokens), (1 << 40, 0));
        assert_eq!(all(&reader, organization).await.len(), 21);
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn a_write_that_fails_is_told_and_later_ones_succeed() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let mut meddler = Meddler::at(&scene).await;
        let organization = OrganizationId::new();
        // ROLLBACK ends the transaction by itself, as SQLite does when the disk is full.
        for trouble in [FAIL, FAIL_AND_ROLL_BACK] {
            meddler.run(trouble, FAIL_POSTGRES).await;
            let good = begin(&intent(organization));
            let batch = vec![good, end(outcome(RequestId::new(), OutcomeKind::Cut)), poison(organization)];
            assert_eq!(write(&writer, batch).await, Err(RecordsFailure::NotCommitted));
            assert_eq!(all(&reader, organization).await.len(), 0, "nothing of the group stays");
            meddler.run("DROP TRIGGER fail", "DROP TRIGGER fail ON requests").await;
        }
        write(&writer, vec![poison(organization)]).await.expect("it writes again");
        assert_eq!(all(&reader, organization).await.len(), 1);
        writer.shutdown().await;
    })
    .await;
}

fn poison(organization: OrganizationId) -> RecordOp {
    let mut call = intent(organization);
    call.model = Some("poison".to_owned());
    call.parent_key = Some(KeyId::new());
    begin(&call)
}

const FAIL: &str = "CREATE TRIGGER fail BEFORE INSERT ON requests WHEN NEW.model = 'poison' \
    BEGIN SELECT RAISE(ABORT, 'no'); END";
const FAIL_AND_ROLL_BACK: &str = "CREATE TRIGGER fail BEFORE INSERT ON requests WHEN NEW.model = 'poison' \
    BEGIN SELECT RAISE(ROLLBACK, 'no'); END";
const FAIL_POSTGRES: &str = "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN IF NEW.model = 'poison' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$; \
    CREATE TRIGGER fail BEFORE INSERT ON requests FOR EACH ROW EXECUTE FUNCTION fail()";
