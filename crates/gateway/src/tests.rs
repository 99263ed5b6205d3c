//! The pipeline with everything around it made up.

use std::cell::Cell;
use std::future::{Future, ready};
use std::num::NonZeroU32;
use std::pin::Pin;

use http_body_util::Full;
use keywright_dial::TlsSetup;
use keywright_protocol::record::RecordOp;
use keywright_protocol::{KeyId, Liveness, OrganizationId, Principal, Scopes, SystemClock, UserId};
use keywright_secret::{PlatformToken, TokenKind};

use super::*;

/// Everybody is the same caller.
struct Anybody;

impl Principals for Anybody {
    fn verify<'t>(&'t self, token: &'t PlatformToken) -> Verification<'t> {
        Verification::Known(Ok(Arc::new(Principal {
            token: KeyId::new(),
            kind: token.kind(),
            parent: None,
            session: None,
            user: UserId::new(),
            organization: OrganizationId::new(),
            role: keywright_protocol::Role::Member,
            scopes: Scopes::GATEWAY,
            temporary: false,
            administrator: false,
            essential_traffic_only: false,
            expires_at: None,
            liveness: Liveness::new().0,
        })))
    }

    fn owns_response(&self, _: OrganizationId, _: &str) -> Pin<Box<dyn Future<Output = bool>>> {
        Box::pin(ready(false))
    }
}

struct NoKeys;

impl CredentialSource for NoKeys {
    fn central(&self, _: &str) -> Option<Arc<CentralKey>> {
        None
    }
}

/// A recorder with so many places, which gives none back.
struct Places {
    left: Cell<u32>,
    written: Cell<u32>,
}

impl Recorder for Places {
    fn reserve(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    fn record(&self, _: RecordOp) -> Committed {
        self.written.set(self.written.get() + 1);
        Committed::already(Ok(()))
    }

    fn unproven(&self, _: IpAddr, _: ErrorCode) {}
}

#[tokio::test]
async fn a_call_for_whose_end_there_is_no_place_is_refused_before_anything_is_done() {
    let many = NonZeroU32::MAX;
    let settings = Settings {
        catalog: Arc::default(),
        limits: Arc::new(Limits::new(many, NonZeroU32::MIN)),
        buffers: BufferBudget::new(1 << 20),
        max_body: 1 << 20,
        allow_byok: true,
        first_byte_timeout: Duration::from_secs(1),
        idle_timeout: Duration::from_secs(1),
        clock: Arc::new(SystemClock),
        hop: HeaderValue::from_static("boot"),
    };
    let dialler = Dialler::new(TlsSetup::new(None).expect("roots"), Duration::from_secs(1), []);
    let recorder = Rc::new(Places { left: Cell::new(1), written: Cell::new(0) });
    let gateway =
        Gateway::new(settings, dialler, Rc::new(Anybody), Rc::new(NoKeys), Rc::clone(&recorder) as Rc<_>);
    let token = PlatformToken::mint(TokenKind::ApiKey);
    let mut codes = Vec::new();
    for _ in 0..2 {
        let request = Request::post("/v1/messages")
            .header("x-api-key", token.expose())
            .body(Full::new(Bytes::from_static(br#"{"model":"m"}"#)))
            .expect("a request");
        let answer = gateway.handle(request, IpAddr::from([127, 0, 0, 1])).await;
        let body = answer.into_body().collect().await.expect("whole").to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        codes.push(body["error"]["code"].as_str().unwrap_or_default().to_owned());
    }
    assert_eq!(codes, ["PROVIDER_NOT_CONFIGURED", "AUDIT_UNAVAILABLE"]);
    assert_eq!(recorder.written.get(), 1, "the refused call of the place that there was");
}

#[test]
fn a_stream_of_events_is_told_whatever_its_case() {
    let is = |value: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
        is_event_stream(&headers)
    };
    assert!(is("text/event-stream") && is("Text/Event-Stream; charset=utf-8"));
    assert!(!is("text/event") && !is("application/json"));
}
