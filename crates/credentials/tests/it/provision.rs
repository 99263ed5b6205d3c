//! A temporary account on first need.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use keywright_client::ServerUrl;
use keywright_credentials::{CredentialFile, Outcome, ProfileName, StoredTemporary, provision};
use keywright_protocol::SystemClock;
use keywright_secret::Secret;

use crate::fake_api::{FakeApi, temporary};
use crate::process::playing;

async fn make(api: &FakeApi, file: &CredentialFile, refused: Option<&Secret>) -> Outcome {
    let profile = ProfileName::default();
    provision(file, &profile, &api.client(), Arc::new(SystemClock), refused).await.unwrap().outcome
}

fn stored(file: &CredentialFile, server: &ServerUrl) -> Secret {
    let credentials = file.read(&SystemClock).unwrap().credentials;
    let entry = credentials.entry(&ProfileName::default(), server).unwrap();
    entry.temporary.as_ref().unwrap().token.clone()
}

fn file(folder: &Path) -> CredentialFile {
    CredentialFile::new(folder.join("keywright/credentials.json"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_processes_that_need_an_account_make_exactly_one() {
    let folder = tempfile::tempdir().unwrap();
    let api = FakeApi::start("", None).await;
    let path = folder.path().join("keywright/credentials.json");
    let start = || playing("provision", &path).env("PART_SERVER", api.server.to_string()).spawn().unwrap();
    let children: Vec<_> = (0..20).map(|_| start()).collect();
    let waited = tokio::task::spawn_blocking(move || {
        children.into_iter().all(|mut child| child.wait().unwrap().success())
    });
    assert!(waited.await.unwrap());
    assert_eq!(api.made(), 1);
}

#[tokio::test]
async fn an_account_is_made_once_and_found_after() {
    let folder = tempfile::tempdir().unwrap();
    let api = FakeApi::start("", None).await;
    let file = file(folder.path());
    assert_eq!(make(&api, &file, None).await, Outcome::New);
    assert_eq!(make(&api, &file, None).await, Outcome::Found);
    assert_eq!(api.made(), 1);
}

#[tokio::test]
async fn an_account_that_has_ended_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let api = FakeApi::start("", None).await;
    let file = file(folder.path());
    let mut held = file.hold(&SystemClock).unwrap();
    let entry = held.credentials.entry_mut(&ProfileName::default(), &api.server);
    entry.temporary = Some(StoredTemporary::new(temporary(-1).into()));
    held.save().unwrap();
    drop(held);
    assert_eq!(make(&api, &file, None).await, Outcome::Replaced);
}

#[tokio::test]
async fn an_account_that_the_server_forgot_is_replaced_once_for_all_who_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let api = FakeApi::start("", None).await;
    let file = file(folder.path());
    make(&api, &file, None).await;
    let forgotten = stored(&file, &api.server);
    assert_eq!(make(&api, &file, Some(&forgotten)).await, Outcome::Replaced);
    assert_ne!(stored(&file, &api.server), forgotten);
    assert_eq!(make(&api, &file, Some(&forgotten)).await, Outcome::Found);
    assert_eq!(api.made(), 2);
}

#[tokio::test]
async fn a_server_that_gives_none_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let api = FakeApi::start("", None).await;
    api.closed.store(true, Ordering::SeqCst);
    let file = file(folder.path());
    let profile = ProfileName::default();
    let made = provision(&file, &profile, &api.client(), Arc::new(SystemClock), None).await;
    assert!(made.is_err() && !file.path().exists());
}
