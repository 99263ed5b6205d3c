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
