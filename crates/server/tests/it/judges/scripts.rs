//! The clients that are not for Rust: openid-client and oauth4webapi for Node, Authlib for Python.

use keywright_testkit::Setup;

use crate::script::run;

const RESOURCE: &str = "https://api.example/v1";

async fn judge(program: &str, script: &str) {
    let server = Setup::new().await.set("auth.resources", RESOURCE).start().await;
    run(&server, program, script, &[("KEYWRIGHT_TEST_RESOURCE", RESOURCE)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn openid_client_finds_nothing_wrong() {
    judge("node/bin/node", "judges/openid_client.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oauth4webapi_finds_nothing_wrong() {
    judge("node/bin/node", "judges/oauth4webapi.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authlib_finds_nothing_wrong() {
    judge("python-oauth/bin/python3", "judges/authlib_client.py").await;
}
