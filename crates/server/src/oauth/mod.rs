//! The endpoints of the authorization server that programs speak to. Thin: they read forms, ask `identity`, and
//! answer in the words of OAuth, never in the envelope of the JSON API.

mod caller;
mod device;
mod form;
mod metadata;
mod open;
mod register;
mod respond;
mod token;
mod userinfo;
mod worth;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use keywright_protocol::{Clock, oauth_routes as routes};

pub(crate) use open::to_pages;

use crate::api::Api;

pub(crate) use form::Form;

/// How often an application may ask what tokens are worth.
pub(crate) type Introspections =
    RateLimiter<String, DefaultKeyedStateStore<String>, Steady, NoOpMiddleware<Duration>>;

/// So many in a second, and as many at once.
pub(crate) fn introspections(clock: Arc<dyn Clock>) -> Introspections {
    let quota = Quota::per_second(NonZeroU32::MIN.saturating_add(99));
    RateLimiter::new(quota, DefaultKeyedStateStore::default(), Steady(clock))
}

/// The server's clock, for the limiter.
pub(crate) struct Steady(Arc<dyn Clock>);

impl governor::clock::Clock for Steady {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.steady()
    }
}

/// The routes.
pub(crate) fn router() -> Router<Arc<Api>> {
    Router::new()
        .route(routes::TOKEN, post(token::token))
        .route(routes::DEVICE_AUTHORIZATION, post(device::begin))
        .route(routes::REVOKE, post(worth::revoke))
        .route(routes::INTROSPECT, post(worth::introspect))
        .route(routes::REGISTER, post(register::register))
        .route(routes::USERINFO, get(userinfo::userinfo).post(userinfo::userinfo))
        .route(routes::JWKS, get(metadata::signing_keys))
        .route(routes::METADATA, get(metadata::server))
        .route(routes::OPENID_CONFIGURATION, get(metadata::server))
        .route(routes::RESOURCE_METADATA, get(metadata::resource))
}
