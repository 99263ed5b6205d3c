//! The paths of the authorization server. OAuth's own documents say what they do, and the server's metadata
//! lists them, so that the description of the JSON API does not.

/// The page on which a person consents (`GET`, `POST`).
pub const AUTHORIZE: &str = "/oauth/authorize";
/// Gives tokens (`POST`).
pub const TOKEN: &str = "/oauth/token";
/// Gives codes to a device without a browser (`POST`).
pub const DEVICE_AUTHORIZATION: &str = "/oauth/device_authorization";
/// Takes a token back (`POST`).
pub const REVOKE: &str = "/oauth/revoke";
/// Says what a token is worth (`POST`).
pub const INTROSPECT: &str = "/oauth/introspect";
/// Registers an application (`POST`).
pub const REGISTER: &str = "/oauth/register";
/// Says whose session it is (`GET`, `POST`).
pub const USERINFO: &str = "/oauth/userinfo";
/// The keys that sign ID tokens (`GET`).
pub const JWKS: &str = "/oauth/jwks";
/// The page on which a person lets a device in (`GET`, `POST`).
pub const DEVICE: &str = "/device";
/// Leads whoever opens the bare address of the server in a browser to [`ACCOUNT`] (`GET`).
pub const HOME: &str = "/";
/// The page on which a person signs in (`GET`, `POST`).
pub const LOGIN: &str = "/login";
/// The page on which a person enters the code that was mailed (`GET`, `POST`).
pub const LOGIN_CODE: &str = "/login/code";
/// Signs a person out of the pages (`POST`).
pub const LOGOUT: &str = "/logout";
/// The page with the devices and applications that are in (`GET`, `POST`).
pub const ACCOUNT: &str = "/account";
/// The server's metadata, RFC 8414 (`GET`).
pub const METADATA: &str = "/.well-known/oauth-authorization-server";
/// The same by OpenID Connect Discovery (`GET`).
pub const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";
/// The metadata of the resource that the server is itself, RFC 9728 (`GET`).
pub const RESOURCE_METADATA: &str = "/.well-known/oauth-protected-resource";

/// What pages of every origin may use, by security rule 9: nothing there goes by a cookie.
pub const OPEN_TO_PAGES: &[&str] =
    &[TOKEN, REVOKE, REGISTER, JWKS, METADATA, OPENID_CONFIGURATION, RESOURCE_METADATA];

/// The parameter of [`AUTHORIZE`] and [`DEVICE_AUTHORIZATION`] that holds the ticket of a temporary account which
/// the person may take over. Only the command line's own client may send it. The answer of [`TOKEN`] says in a
/// member of the same name what became of it: [`LoginUpgrade`](crate::wire::LoginUpgrade).
pub const UPGRADE: &str = "upgrade";
/// The parameter of [`TOKEN`] that marks the account, when it is `true`: no content of it is ever captured.
pub const ESSENTIAL_TRAFFIC_ONLY: &str = "essential_traffic_only";
/// The parameter of [`AUTHORIZE`] and [`DEVICE_AUTHORIZATION`] that says what the machine is called.
pub const MACHINE: &str = "machine";
/// The parameter of [`AUTHORIZE`] and [`DEVICE_AUTHORIZATION`] that proposes how many seconds the session lives;
/// the person may choose less.
pub const LIFETIME: &str = "lifetime";
