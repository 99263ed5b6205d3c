//! The paths of the JSON API. Outside programs rely on them; they never change.

/// Makes a temporary account (`POST`).
pub const TEMPORARY: &str = "/api/v1/auth/temporary";
/// Makes a child token for an agent (`POST`) and lets it live on (`PATCH`); a child ends itself (`DELETE`).
pub const CHILD: &str = "/api/v1/auth/child";
/// Who is calling (`GET`).
pub const WHOAMI: &str = "/api/v1/whoami";
/// API keys (`GET`, `POST`).
pub const KEYS: &str = "/api/v1/keys";
/// One API key (`DELETE`); `{id}` is its id.
pub const KEY: &str = "/api/v1/keys/{id}";
/// Request records, newest first (`GET`).
pub const REQUESTS: &str = "/api/v1/requests";
/// Usage summed by day and model (`GET`).
pub const USAGE: &str = "/api/v1/usage";
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
    TEMPORARY, CHILD, WHOAMI, KEYS, KEY, REQUESTS, USAGE, CLAIM, INSTANCE, HEALTHZ, READYZ, METRICS, OPENAPI,
];

/// The path of the key with that id.
pub fn key(id: crate::KeyId) -> String {
    format!("{KEYS}/{id}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_has_every_path_of_this_file() {
        let defined = include_str!("routes.rs").matches("\npub const ").count() - 1;
        assert_eq!(super::ALL.len(), defined);
    }
}
