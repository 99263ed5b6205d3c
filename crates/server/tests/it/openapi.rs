//! The description of the API is of the API that is served: every route, every method, nothing else.

use std::collections::{BTreeMap, BTreeSet};

use keywright_protocol::{ErrorCode, routes};
use keywright_testkit::{Call, TestServer};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_to_everybody_and_is_the_one_of_the_library() {
    let server = TestServer::start().await;
    let answer = server.call(Call::get(routes::OPENAPI)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.json(), document());
    assert_eq!(answer.json()["openapi"], "3.1.0");
}

#[test]
fn every_route_of_the_list_is_described_and_none_besides() {
    let described: BTreeSet<String> = own_paths().into_keys().collect();
    let listed: BTreeSet<String> =
        routes::ALL.iter().filter(|path| **path != routes::METRICS).map(|path| (*path).to_owned()).collect();
    assert_eq!(described, listed);
}

#[test]
fn every_path_of_the_gateway_is_described() {
    let paths = &document()["paths"];
    for route in keywright_providers::ROUTES {
        let path = route.template.replace("{version}", "v1beta");
        let path = if paths.get(&path).is_some() { path } else { route.template.replace("{version}", "v1") };
        assert!(paths[&path][route.method.to_lowercase()].is_object(), "{}", route.label);
    }
    for prefix in keywright_gateway::BY_PROVIDER {
        assert!(paths[format!("{prefix}{{provider}}/{{path}}")]["post"].is_object(), "{prefix}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_takes_the_methods_that_are_described_and_names_them_where_it_takes_no_other() {
    let server = TestServer::start().await;
    for (template, operations) in own_paths() {
        let path =
            template.replace("{id}", "key_01a1fb1b61707227bd0532ecdd9c09ba").replace("{user}", "usr_0");
        let mut allowed: BTreeSet<String> = operations.keys().map(|method| method.to_uppercase()).collect();
        // What answers GET answers HEAD.
        if allowed.contains("GET") {
            allowed.insert("HEAD".to_owned());
        }
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"] {
            let answer = server.call(Call::new(method, &path)).await;
            let refused = answer.status == 405;
            assert_eq!(refused, !allowed.contains(method), "{method} {template}: {}", answer.status);
            if refused {
                let allow = answer.headers["allow"].to_str().expect("ASCII").split(',');
                let allow: BTreeSet<String> = allow.map(|method| method.trim().to_owned()).collect();
                assert_eq!(allow, allowed, "{method} {template}");
            }
        }
    }
}

#[test]
fn operations_have_names_of_their_own_and_list_codes_that_exist() {
    let mut names = BTreeSet::new();
    for (path, operations) in own_paths() {
        for operation in operations.into_values() {
            assert!(
                names.insert(operation["operationId"].to_string()),
                "{path}: {}",
                operation["operationId"]
            );
            for code in operation["x-errors"].as_array().into_iter().flatten() {
                let name = code.as_str().expect("a text");
                let code = ErrorCode::from_name(name).unwrap_or_else(|| panic!("{path}: {name}"));
                assert!(operation["responses"][code.status().to_string()].is_object(), "{path}: {name}");
            }
        }
    }
}

/// The paths that are not passed to a provider, with their operations by method.
fn own_paths() -> BTreeMap<String, BTreeMap<String, Value>> {
    let mut document = document();
    let paths: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_value(document["paths"].take()).expect("paths");
    let passes =
        |operations: &BTreeMap<String, Value>| operations.values().any(|it| it["tags"][0] == "gateway");
    paths.into_iter().filter(|(_, operations)| !passes(operations)).collect()
}

fn document() -> Value {
    serde_json::to_value(keywright_server::openapi()).expect("JSON")
}
