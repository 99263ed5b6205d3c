use keywright_protocol::OrganizationId;
use keywright_protocol::record::{OutcomeKind, RecordOp};
use keywright_store::RecordsFailure;
use keywright_store::testing::on_both;

use super::*;

#[tokio::test]
async fn retention_deletes_all_that_is_old_and_nothing_newer() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let organization = OrganizationId::new();
        let aged = |milliseconds| {
            let mut call = intent(organization);
            call.started_at = NOW.plus_millis(milliseconds);
            whole(call)
        };
        let refusal = |seconds| RecordOp::Unproven {
            address: [10, 0, 0, 1].into(),
            error: keywright_protocol::ErrorCode::KeyMissing,
            at: NOW.plus_seconds(seconds),
        };
        let mut batch: Vec<RecordOp> = (0..2300).map(|_| aged(-1)).collect();
        batch.extend((0..10).map(|_| aged(0)));
        batch.extend([refusal(-60), refusal(0)]);
        write(&writer, batch).await.expect("written");
        writer.delete_older_than(NOW);
        // Writes go on between the turns.
        for _ in 0..5 {
            write(&writer, vec![aged(1)]).await.expect("written");
        }
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while reader.refusals(NOW.plus_seconds(-120)).await.expect("an answer").len() > 1 {
            assert!(tokio::time::Instant::now() < deadline, "deletion ends");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let kept = all(&reader, organization).await;
        assert_eq!(kept.len(), 15);
        assert!(kept.iter().all(|record| record.started_at >= NOW));
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn calls_that_a_killed_server_left_open_are_interrupted_at_the_next_start() {
    on_both(|scene| async move {
        let reader = reader(&scene.store).await;
        let organization = OrganizationId::new();
        let (left, ended) = (intent(organization), intent(organization));
        let first = writer(&scene.store).await;
        write(&first, vec![begin(&left), whole(ended.clone())]).await.expect("written");
        first.shutdown().await;
        let second = writer(&scene.store).await;
        let outcome_of = async |call: &Intent| {
            let found = reader.find(organization, call.id).await.expect("an answer");
            let record = found.expect("it is there").record;
            (record.outcome, record.duration_ms)
        };
        assert_eq!(outcome_of(&left).await, ("interrupted".to_owned(), None));
        assert_eq!(outcome_of(&ended).await, ("succeeded".to_owned(), Some(3400)));
        second.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn calls_of_a_server_that_lives_are_left_alone() {
    on_both(|scene| async move {
        let Some(other) = scene.second_server().await else { return };
        let reader = reader(&scene.store).await;
        let organization = OrganizationId::new();
        let call = intent(organization);
        let first = writer(&scene.store).await;
        write(&first, vec![begin(&call)]).await.expect("written");
        let second = writer(&other).await;
        assert_eq!(only(&reader, organization).await.outcome, "running");

        // A server that is cut off looks dead, but its own word comes last.
        Meddler::at(&scene).await.run("", CUT_OFF).await;
        let third = writer(&other).await;
        assert_eq!(only(&reader, organization).await.outcome, "interrupted");
        write(&first, vec![end(outcome(call.id, OutcomeKind::Succeeded))]).await.expect("it connects again");
        assert_eq!(only(&reader, organization).await.outcome, "succeeded");
        for writer in [first, second, third] {
            writer.shutdown().await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_acknowledged_is_in_the_files_while_the_writer_still_runs() {
    on_both(|scene| async move {
        let Some(folder) = scene.folder() else { return };
        let writer = writer(&scene.store).await;
        let organization = OrganizationId::new();
        let copies = tempfile::tempdir().expect("a folder");
        for round in 1..=5 {
            for _ in 0..20 {
                write(&writer, vec![whole(intent(organization))]).await.expect("written");
            }
            // What a killed process leaves: the files as they are, with nothing folded or closed.
            let copy = copies.path().join(format!("{round}"));
            std::fs::create_dir(&copy).expect("a folder");
            for file in ["records.db", "records.db-wal"] {
                std::fs::copy(folder.join(file), copy.join(file)).expect("copied");
            }
            let options = SqliteConnectOptions::new().filename(copy.join("records.db"));
            let mut connection = options.connect().await.expect("the copy opens");
            let rows: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM requests WHERE outcome = 'succeeded'")
                .fetch_one(&mut connection)
                .await
                .expect("rows");
            assert_eq!(rows, 20 * round);
        }
        writer.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_writes_what_waits_folds_the_log_and_takes_no_more() {
    on_both(|scene| async move {
        let writer = writer(&scene.store).await;
        let organization = OrganizationId::new();
        let waiting: Vec<_> = (0..200).map(|_| submit(&writer, vec![whole(intent(organization))])).collect();
        writer.shutdown().await;
        for heard in waiting {
            assert_eq!(heard.await, Ok(Ok(())));
        }
        if let Some(folder) = scene.folder() {
            assert!(!folder.join("records.db-wal").exists(), "the last connection has closed");
        }
        assert_eq!(write(&writer, vec![]).await, Err(RecordsFailure::Closed));
        writer.shutdown().await;
        assert_eq!(all(&reader(&scene.store).await, organization).await.len(), 200);
    })
    .await;
}

const CUT_OFF: &str = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' \
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
