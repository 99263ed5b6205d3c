//! The file of local mode, which several runs write at a time.

use keywright_store::LocalRecords;

use super::*;

// Elsewhere two runs of one process share their locks; in `keywright` each is a process.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn runs_write_side_by_side_and_only_what_an_ended_one_left_open_is_interrupted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, two) = tokio::join!(LocalRecords::open(folder.path()), LocalRecords::open(folder.path()));
    let (one, two) = (one.expect("opens"), two.expect("opens beside it, on the first day too"));
    let (first, second) = (opened(&one), opened(&two));
    let organization = OrganizationId::LOCAL;
    let (killed, living) = (intent(organization), intent(organization));
    write(&first, vec![begin(&killed)]).await.expect("written");
    write(&second, vec![begin(&living)]).await.expect("written");
    // What the system does when the process of the first is killed.
    drop(one);
    let third = LocalRecords::open(folder.path()).await.expect("opens");
    let reader = RecordsReader::open_local(&third);
    let outcome_of = async |call: &Intent| {
        reader.find(organization, call.id).await.expect("an answer").expect("it is there").record.outcome
    };
    assert_eq!(outcome_of(&killed).await, "interrupted");
    assert_eq!(outcome_of(&living).await, "running");
    write(&second, vec![whole(living.clone())]).await.expect("written");
    assert_eq!(outcome_of(&living).await, "succeeded");
    assert_eq!(all(&reader, organization).await.len(), 2, "all runs are listed together");
}

#[tokio::test]
async fn looking_at_what_was_never_recorded_makes_no_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("below");
    assert!(LocalRecords::open_existing(&below).await.expect("an answer").is_none());
    assert!(!below.exists());
}

#[tokio::test]
async fn a_file_that_another_program_keeps_locked_takes_no_row_and_later_ones_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let local = LocalRecords::open(folder.path()).await.expect("opens");
    let writer = opened(&local);
    let options = SqliteConnectOptions::new().filename(folder.path().join("local-records.db"));
    let mut other = options.connect().await.expect("connects");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.expect("locked");
    // A run that begins meanwhile still begins.
    LocalRecords::open(folder.path()).await.expect("opens");
    let call = intent(OrganizationId::LOCAL);
    assert_eq!(write(&writer, vec![begin(&call)]).await, Err(RecordsFailure::NotCommitted));
    sqlx::query("ROLLBACK").execute(&mut other).await.expect("unlocked");
    write(&writer, vec![begin(&call)]).await.expect("written");
}

fn opened(local: &LocalRecords) -> RecordsWriter {
    RecordsWriter::open_local(local).expect("the writer opens")
}
