use std::collections::HashSet;

use keywright_protocol::record::{Intent, Notes, Outcome, OutcomeKind, RecordOp};
use keywright_protocol::wire::{TokenUsage, UpstreamError, UsageTotal};
use keywright_protocol::{KeyId, OrganizationId, RequestId};
use keywright_store::testing::on_both;
use keywright_store::{OutcomeFilter, RecordsOf, UnknownOutcome};
use std::sync::Arc;

use super::*;

#[tokio::test]
async fn pages_show_every_record_once_while_others_come_in() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let calls: Vec<Intent> = (0..250).map(|_| intent(organization)).collect();
        write(&writer, calls.iter().map(begin).collect()).await.expect("written");
        let mut seen = Vec::new();
        let mut filter = RequestFilter { limit: Some(30), ..Default::default() };
        loop {
            let page = reader.page(organization, &filter).await.expect("a page");
            assert!(page.requests.len() <= 30);
            seen.extend(page.requests.into_iter().map(|record| record.id));
            let Some(cursor) = page.next_cursor else { break };
            filter.cursor = Some(cursor.parse().expect("our own cursor"));
            write(&writer, vec![whole(intent(organization))]).await.expect("written");
        }
        let expected: Vec<RequestId> = calls.iter().rev().map(|call| call.id).collect();
        assert_eq!(seen, expected, "newest first, each once");
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn the_last_page_has_no_cursor_and_sizes_are_bounded() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let batch = (0..1003).map(|_| begin(&intent(organization))).collect();
        write(&writer, batch).await.expect("written");
        for (limit, shown) in [(None, 100), (Some(0), 1), (Some(1000), 1000), (Some(u32::MAX), 1000)] {
            let filter = RequestFilter { limit, ..Default::default() };
            let page = reader.page(organization, &filter).await.expect("a page");
            assert_eq!(page.requests.len(), shown);
            assert!(page.next_cursor.is_some());
        }
        let first = RequestFilter { limit: Some(1000), ..Default::default() };
        let cursor = reader.page(organization, &first).await.expect("a page").next_cursor;
        let rest = RequestFilter {
            cursor: cursor.map(|cursor| cursor.parse().expect("our own cursor")),
            limit: Some(3),
            ..Default::default()
        };
        let page = reader.page(organization, &rest).await.expect("a page");
        assert_eq!((page.requests.len(), page.next_cursor), (3, None));
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn each_filter_leaves_only_what_it_asks_for() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let mut special = intent(organization);
        special.model = Some("gpt-5".to_owned());
        special.provider = Some("openai".to_owned());
        special.session_id = Some("session-2".to_owned());
        special.started_at = NOW.plus_seconds(10);
        special.parent_key = Some(KeyId::new());
        let mut unnamed = intent(organization);
        unnamed.model = None;
        unnamed.provider = None;
        unnamed.session_id = None;
        let running = intent(organization);
        let ended = end(outcome(special.id, OutcomeKind::ClientAborted));
        let batch = vec![begin(&special), ended, whole(unnamed), begin(&running)];
        write(&writer, batch).await.expect("written");

        let any = RequestFilter::default;
        let only_special = [
            RequestFilter { model: special.model.clone(), ..any() },
            RequestFilter { provider: special.provider.clone(), ..any() },
            RequestFilter { session_id: special.session_id.clone(), ..any() },
            RequestFilter { outcome: Some(OutcomeFilter::Ended(OutcomeKind::ClientAborted)), ..any() },
            RequestFilter { key: Some(special.key), ..any() },
            RequestFilter { key: special.parent_key, ..any() },
            RequestFilter { since: Some(NOW.plus_seconds(10)), ..any() },
            RequestFilter { since: Some(NOW.plus_millis(1)), until: Some(NOW.plus_seconds(11)), ..any() },
        ];
        for filter in only_special {
            let page = reader.page(organization, &filter).await.expect("a page");
            let shown: Vec<RequestId> = page.requests.iter().map(|record| record.id).collect();
            assert_eq!(shown, [special.id], "{filter:?}");
        }
        let others = [
            (RequestFilter { until: Some(NOW.plus_seconds(10)), ..any() }, 2),
            (RequestFilter { outcome: Some(OutcomeFilter::Running), ..any() }, 1),
            (RequestFilter { key: Some(KeyId::new()), ..any() }, 0),
            (RequestFilter { model: Some("gpt".to_owned()), ..any() }, 0),
            (RequestFilter { model: Some("gpt-5\0".to_owned()), ..any() }, 0),
            (RequestFilter { session_id: Some("' OR '1'='1".to_owned()), ..any() }, 0),
        ];
        for (filter, count) in others {
            let page = reader.page(organization, &filter).await.expect("a page");
            assert_eq!(page.requests.len(), count, "{filter:?}");
        }
        writer.shutdown().await;
    })
    .await;
}

#[test]
fn outcomes_to_look_for_are_those_that_are_written() {
    for kind in OutcomeKind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(OutcomeFilter::Ended(kind)));
        assert!(UnknownOutcome.to_string().contains(kind.as_str()));
    }
    assert_eq!("running".parse(), Ok(OutcomeFilter::Running));
    assert_eq!("Succeeded".parse::<OutcomeFilter>(), Err(UnknownOutcome));
}

#[tokio::test]
async fn nobody_sees_what_belongs_to_another_organization() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let (ours, theirs) = (OrganizationId::new(), OrganizationId::new());
        let call = intent(theirs);
        let mut ends = outcome(call.id, OutcomeKind::Succeeded);
        ends.response_id = Some("resp_1".to_owned());
        write(&writer, vec![begin(&call), end(ends), whole(intent(ours))]).await.expect("written");
        assert_ne!(only(&reader, ours).await.id, call.id);
        assert!(reader.find(ours, call.id).await.expect("an answer").is_none());
        let by_key = RequestFilter { key: Some(call.key), ..Default::default() };
        assert!(reader.page(ours, &by_key).await.expect("a page").requests.is_empty());
        assert!(!reader.holds_response(ours, "resp_1").await.expect("an answer"));
        assert!(reader.holds_response(theirs, "resp_1").await.expect("an answer"));
        assert!(!reader.holds_response(theirs, "resp_2").await.expect("an answer"));
        assert!(!reader.holds_response(theirs, "resp_1\0").await.expect("an answer"));
        let usage = reader.usage(ours, NOW, NOW.plus_seconds(1)).await.expect("a report");
        assert_eq!(usage.total.requests, 1);
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn of_one_user_only_its_own_records_are_seen_and_summed() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let (own, others) = (intent(organization), intent(organization));
        write(&writer, vec![whole(own.clone()), whole(others.clone())]).await.expect("written");
        let of = RecordsOf { organization, user: Some(own.user) };
        let page = reader.page(of, &RequestFilter::default()).await.expect("a page");
        assert_eq!(page.requests.iter().map(|record| record.id).collect::<Vec<_>>(), [own.id]);
        assert!(reader.find(of, own.id).await.expect("an answer").is_some());
        assert!(reader.find(of, others.id).await.expect("an answer").is_none());
        let report = reader.usage(of, NOW, NOW.plus_seconds(1)).await.expect("a report");
        assert_eq!((report.total.requests, report.models[0].total.requests), (1, 1));
        let report = reader.usage(organization, NOW, NOW.plus_seconds(1)).await.expect("a report");
        assert_eq!((report.total.requests, report.models[0].total.requests), (2, 2));
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn usage_is_summed_by_model_the_most_called_first() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let call = |model: Option<&str>, kind, estimated| {
            let mut call = intent(organization);
            call.model = model.map(str::to_owned);
            let mut ends = outcome(call.id, kind);
            ends.usage.estimated = estimated;
            RecordOp::Whole(Arc::new(call), Box::new(ends))
        };
        let mut early = intent(organization);
        early.started_at = NOW.plus_millis(-1);
        let mut late = intent(organization);
        late.started_at = NOW.plus_seconds(60);
        let running = intent(organization);
        let batch = vec![
            whole(early),
            whole(late),
            begin(&running),
            call(Some("claude-opus-4-5"), OutcomeKind::Succeeded, false),
            call(Some("b"), OutcomeKind::Succeeded, true),
            call(Some("b"), OutcomeKind::Cut, false),
            call(Some("b"), OutcomeKind::Refused, false),
            call(None, OutcomeKind::Succeeded, false),
        ];
        write(&writer, batch).await.expect("written");
        let report = reader.usage(organization, NOW, NOW.plus_seconds(60)).await.expect("a report");
        let total = |requests, failed, ended: i64, estimated| UsageTotal {
            requests,
            failed,
            tokens: TokenUsage {
                input_tokens: 10 * ended,
                output_tokens: 20 * ended,
                cache_read_tokens: 30 * ended,
                cache_write_tokens: 40 * ended,
                estimated,
            },
        };
        let lines: Vec<_> = report.models.iter().map(|line| (line.model.as_deref(), line.total)).collect();
        let expected = [
            (Some("b"), total(3, 2, 3, true)),
            (Some("claude-opus-4-5"), total(2, 0, 1, false)),
            (None, total(1, 0, 1, false)),
        ];
        assert_eq!(lines, expected);
        assert!(report.models.iter().all(|line| line.provider.as_deref() == Some("anthropic")));
        assert_eq!(report.total, total(6, 2, 5, true));
        assert_eq!(report.since, NOW);
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn an_organization_without_calls_used_nothing() {
    on_both(|scene| async move {
        let reader = reader(&scene.store).await;
        let report = reader.usage(OrganizationId::new(), NOW, NOW.plus_seconds(1)).await.expect("a report");
        assert!(report.models.is_empty());
        assert_eq!(report.total, UsageTotal::default());
    })
    .await;
}

#[tokio::test]
async fn the_total_counts_models_beyond_those_that_have_a_line() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let batch = (0..1100).map(|number| {
            let mut call = intent(organization);
            call.model = Some(format!("model-{number}"));
            begin(&call)
        });
        write(&writer, batch.collect()).await.expect("written");
        let report = reader.usage(organization, NOW, NOW.plus_seconds(1)).await.expect("a report");
        let models: HashSet<_> = report.models.iter().map(|line| &line.model).collect();
        assert_eq!((models.len(), report.total.requests), (1000, 1100));
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn outcomes_that_reached_nobody_have_no_status() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let call = intent(organization);
        let gone = Outcome { status: None, ..outcome(call.id, OutcomeKind::ClientAborted) };
        write(&writer, vec![begin(&call), end(gone)]).await.expect("written");
        assert_eq!(only(&reader, organization).await.status, None);
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn calls_that_an_older_version_recorded_are_kept_and_have_no_notes() {
    const OLDER: &str = "ALTER TABLE requests DROP COLUMN shadowed; \
         ALTER TABLE requests DROP COLUMN upstream_error_type; \
         ALTER TABLE requests DROP COLUMN upstream_error_code; \
         DELETE FROM _sqlx_migrations WHERE version = 4";
    on_both(|scene| async move {
        let call = intent(OrganizationId::new());
        let older = writer(&scene.store).await;
        write(&older, vec![whole(call.clone())]).await.expect("written");
        older.shutdown().await;
        let mut meddler = Meddler::at(&scene).await;
        scene.store.close().await;
        drop(scene.store);
        meddler.run(OLDER, OLDER).await;
        let store = Store::open(&scene.database).await.expect("brought up to date");
        let found = reader(&store).await.find(call.organization, call.id).await.expect("an answer");
        let found = found.expect("it is there");
        assert_eq!((found.record.id, found.shadowed.len(), found.upstream_error), (call.id, 0, None));
        let newer = writer(&store).await;
        let noted = intent(call.organization);
        let notes = Notes::of(Vec::new(), Some(UpstreamError { kind: None, code: Some("x".to_owned()) }));
        let ended = Outcome { notes, ..outcome(noted.id, OutcomeKind::UpstreamError) };
        write(&newer, vec![begin(&noted), end(ended)]).await.expect("written");
        newer.shutdown().await;
    })
    .await;
}
