//! The pages: signing in, letting applications and devices in, and ending what was let in. They work without
//! JavaScript; every change is a form of a page of ours, answered with 303.

mod account;
mod allow;
mod authorize;
mod browser;
mod device;
mod respond;
mod sign_in;

use std::sync::Arc;

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use http::HeaderValue;
use http::header::REFERRER_POLICY;
use keywright_protocol::oauth_routes as routes;

use crate::api::Api;

/// The routes, of a server that `issuer` leads to.
pub(crate) fn router(issuer: &str) -> Router<Arc<Api>> {
    let policy = HeaderValue::from_static(browser::referrer_policy(issuer));
    let with_policy = move |mut response: Response| {
        response.headers_mut().insert(REFERRER_POLICY, policy.clone());
        std::future::ready(response)
    };
    Router::new()
        .route(routes::HOME, get(async || respond::redirect(routes::ACCOUNT)))
        .route(routes::AUTHORIZE, get(authorize::show).post(authorize::decide))
        .route(routes::DEVICE, get(device::show).post(device::decide))
        .route(routes::LOGIN, get(sign_in::show).post(sign_in::mail))
        .route(routes::LOGIN_CODE, get(sign_in::ask).post(sign_in::prove))
        .route(routes::LOGOUT, post(sign_in::out))
        .route(routes::ACCOUNT, get(account::show).post(account::act))
        .route_layer(map_response(with_policy))
}
