use std::os::unix::fs::PermissionsExt;

use keywright_protocol::Timestamp;
use keywright_secret::Secret;
use keywright_store::testing::{Scene, on_both, prepare_every_statement};
use keywright_store::{Database, MasterKeyMark, Store, StoreError};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

#[tokio::test]
async fn every_statement_is_understood_by_both_engines() {
    on_both(|scene| async move { prepare_every_statement(&scene.store).await }).await;
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused_and_may_come_later() {
    on_both(|scene| async move {
        let Scene { store, database } = scene;
        if store.is_shared() {
            Store::open(&database).await.expect("replicas share a PostgreSQL database");
            return;
        }
        let refused = Store::open(&database).await.expect_err("refused");
        assert!(matches!(refused, StoreError::InUse { .. }));
        assert!(refused.to_string().contains("in use by another `keywright` process"), "{refused}");
        let beside = Store::open_beside(&database).await.expect("for small changes");
        let mark = MasterKeyMark { key_id: "beside".to_owned(), canary: vec![1] };
        assert_eq!(beside.claim_master_key(&mark, NOW).await.expect("stored"), None);
        assert_eq!(store.master_key().await.expect("read"), Some(mark));
        beside.close().await;
        drop(store);
        Store::open(&database).await.expect("free again");
    })
    .await;
}

#[tokio::test]
async fn opening_twice_changes_nothing_and_keeps_what_is_there() {
    on_both(|scene| async move {
        let mark = MasterKeyMark { key_id: "0123456789abcdef".to_owned(), canary: vec![0, 255, 7] };
        assert_eq!(scene.store.claim_master_key(&mark, NOW).await.expect("stored"), None);
        scene.store.close().await;
        let Scene { store, database } = scene;
        drop(store);
        let store = Store::open(&database).await.expect("opens again");
        assert_eq!(store.master_key().await.expect("read"), Some(mark));
    })
    .await;
}

#[tokio::test]
async fn the_first_master_key_wins_and_the_others_learn_of_it() {
    on_both(|scene| async move {
        assert_eq!(scene.store.master_key().await.expect("read"), None);
        let first = MasterKeyMark { key_id: "first".to_owned(), canary: vec![1] };
        let other = MasterKeyMark { key_id: "other".to_owned(), canary: vec![2] };
        let second = scene.second_server().await.unwrap_or_else(|| scene.store.clone());
        assert_eq!(scene.store.claim_master_key(&first, NOW).await.expect("claimed"), None);
        let lost = second.claim_master_key(&other, NOW).await.expect("asked");
        assert_eq!(lost.as_ref(), Some(&first));
        assert_eq!(second.master_key().await.expect("read"), Some(first));
    })
    .await;
}

#[tokio::test]
async fn every_file_is_for_its_owner_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("made/by/us");
    let store = Store::open(&Database::Sqlite { folder: folder.clone() }).await.expect("opens");
    let mark = MasterKeyMark { key_id: "key".to_owned(), canary: vec![1] };
    store.claim_master_key(&mark, NOW).await.expect("stored");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let mut names = Vec::new();
    for file in std::fs::read_dir(&folder).expect("a folder") {
        let file = file.expect("a file");
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
        names.push(file.file_name().to_string_lossy().into_owned());
    }
    for expected in ["keywright.db", "keywright.db-wal", "keywright.lock", "records.db"] {
        assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_on_either_engine() {
    on_both(|scene| async move {
        let Scene { store, database } = scene;
        store.pretend_to_be_newer().await;
        store.close().await;
        drop(store);
        let refused = Store::open(&database).await.expect_err("refused");
        assert!(matches!(refused, StoreError::Newer { found: 9_999, .. }), "{refused:?}");
        assert!(refused.to_string().contains("start the newer version"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_database_url_is_never_shown() {
    for (url, unavailable) in [
        ("postgres://user:hunter2@127.0.0.1:1/keywright", true),
        ("postgres://user:hunter2@[::1/keywright", false),
        ("mysql://user:hunter2@127.0.0.1/keywright?sslmode=hunter2", false),
    ] {
        let database = Database::Postgres { url: Secret::new(url) };
        let error = Store::open(&database).await.expect_err("nobody is there");
        assert_eq!(matches!(error, StoreError::Unavailable(_)), unavailable, "{error:?}");
        for shown in [format!("{error:?}"), error.to_string(), format!("{database:?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

#[tokio::test]
async fn debug_of_an_open_store_shows_no_url() {
    on_both(|scene| async move {
        let shown = format!("{:?}", scene.store);
        assert!(!shown.contains("127.0.0.1") && !shown.contains("postgres://"), "{shown}");
    })
    .await;
}
