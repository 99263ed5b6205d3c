//! The pages in a real browser: Debian's Chromium, one for all tests, driven by scripts that press what a person
//! presses.

use std::path::{Path, PathBuf};

use keywright_testkit::{Setup, TestServer, chromium};

use crate::script::run;

/// Where pictures of the pages are kept.
fn pictures() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the folder of what is built");
    target.join("test-artifacts/pages")
}

async fn walk(server: &TestServer, script: &str, scripts: &str) {
    let pictures = pictures();
    let environment = [
        ("KEYWRIGHT_TEST_CHROMIUM", chromium()),
        ("KEYWRIGHT_TEST_SCRIPTS", scripts),
        ("KEYWRIGHT_TEST_PICTURES", pictures.to_str().expect("a path")),
    ];
    run(server, "node/bin/node", &format!("chromium/{script}.mjs"), &environment).await;
}

/// With scripts and without: the pages need none.
async fn walk_both_ways(script: &str) {
    for scripts in ["on", "off"] {
        let server = Setup::new().await.start().await;
        walk(&server, script, scripts).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_up_and_lets_an_application_in() {
    walk_both_ways("application").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_devices_in_and_turns_them_away() {
    walk_both_ways("device").await;
}

/// Abuse case 139.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_ends_a_device_and_signs_out() {
    walk_both_ways("account").await;
}

/// Abuse cases 39, 40, 136 and 137.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_get_nowhere_through_the_persons_browser() {
    walk(&Setup::new().await.start().await, "attacks", "on").await;
}

/// Abuse case 138.
#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_the_browsers_alone_and_another_one_after_signing_in() {
    walk(&Setup::new().await.start().await, "cookie", "on").await;
    let setup = Setup::new().await;
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
    let (cert, key) = (setup.folder().join("cert.pem"), setup.folder().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("a file");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
    let setup = setup.set("tls.cert", cert.to_str().expect("a path"));
    let server = setup.set("tls.key", key.to_str().expect("a path")).start().await;
    walk(&server, "cookie", "on").await;
}

/// There browsers say less of where a form comes from.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_over_plain_http_beyond_this_machine() {
    let setup = Setup::new().await.set("listen", "0.0.0.0:0").set("insecure", "true");
    let server = setup.set("public_url", "http://keys.example:5621").start().await;
    let address = format!("127.0.0.1:{}", server.address().port());
    let environment = [("KEYWRIGHT_TEST_CHROMIUM", chromium()), ("KEYWRIGHT_TEST_ADDRESS", address.as_str())];
    run(&server, "node/bin/node", "chromium/plain.mjs", &environment).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_can_be_read_on_a_phone_and_a_desk_by_day_and_by_night() {
    walk(&Setup::new().await.start().await, "looks", "on").await;
}
