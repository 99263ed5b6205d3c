//! The demo provider: an upstream without a model, so that a newcomer and the tests see whole calls
//! with no vendor's key.
//!
//! It speaks the three dialects as the vendors' own SDKs expect them, streams included, and it is no
//! vendor: it answers by rule (see [`turn`]), obeys the orders in the last message (see [`orders`]) and
//! keeps nothing. It listens on loopback behind a key made for this run, so that no web page and no
//! other user of the machine can talk to it.

mod anthropic;
mod arguments;
mod chat;
mod embeddings;
mod gemini;
mod models;
mod openai;
mod orders;
mod place;
mod playback;
mod responses;
mod turn;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::{TokioIo, TokioTimer};
use keywright_providers::Dialect;
use keywright_secret::{Secret, random_hex};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use self::orders::Orders;
use self::place::Place;
pub use self::playback::DemoBody;
use self::wire::{Fault, Wire};

/// The demo provider.
pub struct Demo {
    key: Secret,
}

/// A demo provider that listens.
pub struct DemoServer {
    /// Where: a loopback address with a port of the system's choice.
    pub address: SocketAddr,
    /// What it wants as its key, in the header of the dialect.
    pub key: Secret,
}

impl Demo {
    /// A demo provider with a key of its own.
    pub fn new() -> Self {
        Self { key: Secret::new(format!("demo-{}", random_hex::<24>().expose())) }
    }

    /// What it wants as its key.
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// Starts one on a loopback port, served by the current runtime for as long as that runs.
    ///
    /// # Errors
    /// When no loopback port can be had.
    pub async fn listen() -> std::io::Result<DemoServer> {
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let demo = Arc::new(Self::new());
        let server = DemoServer { address: listener.local_addr()?, key: demo.key.clone() };
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&demo).serve(stream))),
                    // Out of file handles, most likely: give connections time to end.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                }
            }
        });
        Ok(server)
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        // Without it each event of a stream may wait 40 ms for the one before to be acknowledged.
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let service = hyper::service::service_fn(move |request| {
            let demo = Arc::clone(&self);
            async move { Ok::<_, std::convert::Infallible>(demo.respond(request).await) }
        });
        // A connection that breaks is the caller's affair; answers that break are asked for.
        let _ = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    /// Answers one request.
    pub async fn respond<B>(&self, request: Request<B>) -> Response<DemoBody>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let place = Place::of(&head.method, &head.uri, &head.headers);
        let dialect = place.dialect();
        match self.answer(&head.headers, &place, body).await {
            Ok(response) => response,
            Err(fault) => fault.response(dialect),
        }
    }

    async fn answer<B>(
        &self,
        headers: &HeaderMap,
        place: &Place,
        body: B,
    ) -> Result<Response<DemoBody>, Fault>
    where
        B: http_body::Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        refuse_strangers(headers)?;
        self.authenticate(headers, place.dialect())?;
        match place {
            Place::Nowhere(_) => Err(Fault::new(404, "The demo provider has no such route.")),
            Place::WrongMethod(_) => Err(Fault::new(405, "The demo provider takes another method there.")),
            Place::Models(dialect, None) => Ok(playback::json(*dialect, &models::list(*dialect))),
            Place::Models(dialect, Some(id)) => Ok(playback::json(*dialect, &models::one(*dialect, id))),
            Place::Messages => generate(&anthropic::Messages, &read(body).await?).await,
            Place::CountTokens => {
                Ok(playback::json(Dialect::Anthropic, &anthropic::count(&read(body).await?)?))
            }
            Place::Chat => generate(&chat::Chat, &read(body).await?).await,
            Place::Responses => generate(&responses::Responses, &read(body).await?).await,
            Place::Embeddings => Ok(playback::json(Dialect::OpenAi, &embeddings::embed(&read(body).await?)?)),
            Place::Gemini { model, verb } => {
                let body = read(body).await?;
                match gemini::Generate::of(model, *verb) {
                    Some(wire) => generate(&wire, &body).await,
                    None => Ok(playback::json(Dialect::Gemini, &gemini::count(&body)?)),
                }
            }
        }
    }

    fn authenticate(&self, headers: &HeaderMap, dialect: Dialect) -> Result<(), Fault> {
        let presented = match dialect {
            Dialect::Anthropic => headers.get("x-api-key").and_then(|value| value.to_str().ok()),
            Dialect::OpenAi => headers
                .get(header::AUTHORIZATION)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| value.strip_prefix("Bearer ")),
            Dialect::Gemini => headers.get("x-goog-api-key").and_then(|value| value.to_str().ok()),
        };
        match presented {
            Some(key) if Secret::new(key) == self.key => Ok(()),
            _ => Err(Fault::unauthenticated(dialect)),
        }
    }
}

impl Default for Demo {
    fn default() -> Self {
        Self::new()
    }
}

/// Loopback is not a wall: a web page reaches it under a name of its own, or with an Origin.
fn refuse_strangers(headers: &HeaderMap) -> Result<(), Fault> {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !is_loopback(host) {
        return Err(Fault::new(421, "The demo provider answers on a loopback address only."));
    }
    let from_a_page = headers
        .get_all(header::ORIGIN)
        .iter()
        .any(|origin| origin.to_str().map_or(true, |origin| origin.to_ascii_lowercase().starts_with("http")));
    if from_a_page {
        return Err(Fault::new(403, "The demo provider does not answer web pages."));
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn read<B>(body: B) -> Result<Value, Fault>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let whole = Limited::new(body, LARGEST_BODY).collect().await;
    let whole = whole.map_err(|_| Fault::new(413, "The request is too large, or was broken off."))?;
    match serde_json::from_slice(&whole.to_bytes()) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err(Fault::new(400, "The body is not a JSON object.")),
    }
}

async fn generate(wire: &(impl Wire + Sync), body: &Value) -> Result<Response<DemoBody>, Fault> {
    let turn = wire.read(body)?;
    let orders = Orders::read(turn.said())?;
    if let Some(delay) = orders.delay {
        tokio::time::sleep(delay).await;
    }
    if let Some(status) = orders.status {
        return Err(Fault::ordered(status));
    }
    let reply = turn.reply(&orders);
    Ok(if turn.stream {
        playback::stream(wire, wire.events(&turn, &reply), &orders)
    } else {
        playback::whole(wire.dialect(), &wire.whole(&turn, &reply), &orders)
    })
}

const LARGEST_BODY: usize = 64 << 20;

/// A status as hyper has it; what is no status becomes 500.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests;
