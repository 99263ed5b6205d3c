use keywright_protocol::record::{OutcomeKind, RecordOp};
use keywright_protocol::{OrganizationId, UserId};
use keywright_store::RecordsMove;
use keywright_store::testing::on_both;

use super::*;

#[tokio::test]
async fn records_go_to_another_organization_whole_and_only_they() {
    on_both(|scene| async move {
        let (writer, reader) = (writer(&scene.store).await, reader(&scene.store).await);
        let (from, to, other) = (OrganizationId::new(), OrganizationId::new(), OrganizationId::new());
        let mut batch: Vec<RecordOp> = (0..1500).map(|_| whole(intent(from))).collect();
        batch.extend([whole(intent(to)), whole(intent(other))]);
        let running = intent(from);
        batch.push(begin(&running));
        write(&writer, batch).await.expect("written");
        let asked = RecordsMove { from, to, user: UserId::new() };
        // Twice is as good as once.
        writer.move_records(asked);
        writer.move_records(asked);
        write(&writer, vec![end(outcome(running.id, OutcomeKind::Succeeded))]).await.expect("ended");
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while !all(&reader, from).await.is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "moving ends");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let sum = reader.usage(to, NOW, NOW.plus_seconds(1)).await.expect("a sum").total;
        assert_eq!((sum.requests, sum.failed), (1502, 0));
        assert_eq!(all(&reader, other).await.len(), 1);
        let moved = reader.find(to, running.id).await.expect("an answer").expect("it is there").record;
        assert_eq!(
            (moved.user_id, moved.key_id, moved.outcome.as_str()),
            (asked.user, running.key, "succeeded")
        );

        // A call that was let in before the end of the account writes late: the next time takes it along.
        write(&writer, vec![whole(intent(from))]).await.expect("written");
        writer.move_records(asked);
        while !all(&reader, from).await.is_empty() {
            assert!(tokio::time::Instant::now() < deadline, "moving ends");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        writer.shutdown().await;
    })
    .await;
}
