//! The listener with a certificate: HTTP/2 and HTTP/1.1.

use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::home::Home;
use crate::served::Served;

#[test]
fn both_versions_of_http_are_spoken_behind_the_certificate() {
    let home = Home::new();
    let roots = certificate(&home);
    let served = Served::with(&home, ["--demo", "--tls-cert", "cert.pem", "--tls-key", "key.pem"]);
    assert!(served.log().contains("Keywright listens on https://127.0.0.1:"), "{}", served.log());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (protocol, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
            let made = call(&served, &roots, protocol, "/api/v1/auth/temporary", None, &json!({})).await;
            assert_eq!((made.0, made.1), (200, version));
            let made: Value = serde_json::from_str(&made.2).unwrap();
            let token = made["data"]["token"].as_str();
            let messages = json!([{ "role": "user", "content": "hello over TLS" }]);
            let body =
                json!({ "model": "demo-small", "max_tokens": 99, "stream": true, "messages": messages });
            let (status, spoken, text) = call(&served, &roots, protocol, "/v1/messages", token, &body).await;
            assert_eq!((status, spoken), (200, version), "{text}");
            assert!(text.contains("TLS") && text.contains("event: message_stop"), "{text}");
        }
    });
    // Plain HTTP is no way in, and holds nothing up.
    assert!(served.get("/healthz").try_send().is_err());
    served.stop();
}

#[test]
fn a_certificate_that_does_not_fit_its_key_is_refused() {
    let home = Home::new();
    certificate(&home);
    fs::write(home.path().join("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    let arguments = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    let serve = ["serve", "--demo"].into_iter().chain(crate::served::FREE_PORTS).chain(arguments);
    let ended = home.run(serve).with_code(1);
    assert!(ended.stderr.contains("certificate or key"), "{}", ended.stderr);
    fs::write(home.path().join("cert.pem"), "not a certificate").unwrap();
    let serve = ["serve", "--demo"].into_iter().chain(crate::served::FREE_PORTS).chain(arguments);
    let ended = home.run(serve).with_code(1);
    assert!(ended.stderr.contains("no certificate in"), "{}", ended.stderr);
}

/// Writes a certificate for 127.0.0.1 and its key; whom a client must trust.
fn certificate(home: &Home) -> RootCertStore {
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(home.path().join("cert.pem"), certificate.pem()).unwrap();
    fs::write(home.path().join("key.pem"), key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    roots
}

/// Posts `body` in the given protocol: status, version and body of the answer.
async fn call(
    served: &Served,
    roots: &RootCertStore,
    protocol: &str,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> (u16, Version, String) {
    let stream = connect(served, roots, protocol).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
    let request = Request::post(format!("https://{}{path}", served.address))
        .header("host", served.address.to_string())
        .header("content-type", "application/json");
    let request = match token {
        Some(token) => request.header("x-api-key", token),
        None => request,
    };
    let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
    let answer = if protocol == "h2" {
        let io = TokioIo::new(stream);
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    } else {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    };
    let (status, version) = (answer.status().as_u16(), answer.version());
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, version, String::from_utf8(body.to_vec()).unwrap())
}

async fn connect(served: &Served, roots: &RootCertStore, protocol: &str) -> TlsStream<TcpStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots.clone()).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(served.address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}
