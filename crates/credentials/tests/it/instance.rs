//! Which server on the default address is trusted.

use std::os::unix::fs::PermissionsExt;

use keywright_client::{Client, PlainText, ServerUrl};
use keywright_credentials::{NotProven, prove};

use crate::fake_api::FakeApi;

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn instance_file() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("instance");
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    (folder, path)
}

#[tokio::test]
async fn a_server_that_knows_the_secret_of_this_installation_is_trusted() {
    let (_folder, path) = instance_file();
    prove(&FakeApi::start(KEY, None).await.client(), &path).await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_know_it_is_not() {
    let (_folder, path) = instance_file();
    let stranger = FakeApi::start("another secret", None).await;
    assert!(matches!(prove(&stranger.client(), &path).await, Err(NotProven::Wrong)));
}

#[tokio::test]
async fn a_proof_passed_on_from_the_real_server_on_another_port_is_worth_nothing() {
    let (_folder, path) = instance_file();
    let relay = FakeApi::start(KEY, Some("127.0.0.1:5399")).await;
    assert!(matches!(prove(&relay.client(), &path).await, Err(NotProven::Wrong)));
}

#[tokio::test]
async fn without_a_server_or_its_secret_there_is_nobody_to_trust() {
    let (folder, path) = instance_file();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::new(&ServerUrl::parse(&nobody, PlainText::LoopbackOnly).unwrap()).unwrap();
    assert!(matches!(prove(&client, &path).await, Err(NotProven::NothingThere(_))));
    let absent = folder.path().join("absent");
    assert!(matches!(prove(&client, &absent).await, Err(NotProven::NeverServed)));
}

#[tokio::test]
async fn a_program_that_listens_and_says_nothing_is_not_waited_for_long() {
    let (_folder, path) = instance_file();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::new(&ServerUrl::parse(&silent, PlainText::LoopbackOnly).unwrap()).unwrap();
    // Less than the 30 s that any other call may take.
    let outcome = tokio::time::timeout(std::time::Duration::from_secs(15), prove(&client, &path)).await;
    assert!(matches!(outcome, Ok(Err(NotProven::Silent))));
}
