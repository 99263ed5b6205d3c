//! The paths of the JSON API. Outside programs rely on them; they never change.

/// Makes a temporary account (`POST`).
pub const TEMPORARY: &str = "/api/v1/auth/temporary";
/// Makes a child token for an agent (`POST`) and lets it live on (`PATCH`); a child ends itself (`DELETE`).
pub const CHILD: &str = "/api/v1/auth/child";
/// Who is calling (`GET`).
pub const WHOAMI: &str = "/api/v1/whoami";
/// API keys (`GET`, `POST`).
pub const KEYS: &str = "/api/v1/keys";
/// One API key (`GET`, `PATCH`, `DELETE`); `{id}` is its id.
pub const KEY: &str = "/api/v1/keys/{id}";
/// Puts a new key in the place of one (`POST`).
pub const ROTATE: &str = "/api/v1/keys/{id}/rotate";
/// Request records, newest first (`GET`).
pub const REQUESTS: &str = "/api/v1/requests";
/// One request record with what explains it (`GET`); `{id}` is its id.
pub const REQUEST: &str = "/api/v1/requests/{id}";
/// The providers behind the gateway, and whether they can be reached now (`GET`).
pub const PROVIDERS: &str = "/api/v1/providers";
/// Usage summed by day and model (`GET`).
pub const USAGE: &str = "/api/v1/usage";
/// The models of all providers (`GET`).
pub const MODELS: &str = "/api/v1/models";
/// Makes the caller an administrator (`POST`).
pub const CLAIM: &str = "/api/v1/admin/claim";
/// Proves which installation answers on a loopback address (`GET`).
pub const INSTANCE: &str = "/api/v1/instance";
/// The process lives (`GET`).
pub const HEALTHZ: &str = "/healthz";
/// The process can serve (`GET`).
pub const READYZ: &str = "/readyz";
/// Prometheus metrics, on the operations listener only (`GET`).
pub const METRICS: &str = "/metrics";
/// The OpenAPI description of all this (`GET`).
pub const OPENAPI: &str = "/openapi.json";

/// All of them. The description of the API has each, but for the metrics of the operations listener.
pub const ALL: &[&str] = &[
    TEMPORARY, CHILD, WHOAMI, KEYS, KEY, ROTATE, REQUESTS, REQUEST, PROVIDERS, USAGE, MODELS, CLAIM,
    INSTANCE, HEALTHZ, READYZ, METRICS, OPENAPI,
];

/// The path of the record with that id.
pub fn request(id: crate::RequestId) -> String {
    format!("{REQUESTS}/{id}")
}

/// The path of the key with that id.
pub fn key(id: crate::KeyId) -> String {
    format!("{KEYS}/{id}")
}

/// The path at which the key with that id is rotated.
pub fn rotate(id: crate::KeyId) -> String {
    format!("{KEYS}/{id}/rotate")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_has_every_path_of_this_file() {
        let defined = include_str!("routes.rs").matches("\npub const ").count() - 1;
        assert_eq!(super::ALL.len(), defined);
    }
}
