//! Settings of the authorization server.

use keywright_identity::oauth::Registration;
use url::Url;

use super::read::Reader;

/// Who registers applications, and what tokens are for.
#[derive(Clone, Debug)]
pub struct OAuthSettings {
    /// Who registers applications.
    pub registration: Registration,
    /// Resources besides this server, as their clients write them.
    pub resources: Vec<String>,
}

/// Reads `auth.registration` and `auth.resources`.
pub(super) fn read(reader: &mut Reader<'_>) -> OAuthSettings {
    let registration = match reader.word("auth.registration", &["open", "admin", "off"]) {
        "admin" => Registration::Administrators,
        "off" => Registration::Off,
        _ => Registration::Open,
    };
    OAuthSettings { registration, resources: reader.many("auth.resources", resource) }
}

fn resource(text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    let url = Url::parse(text).ok().filter(|url| plain && url.has_host() && url.fragment().is_none())?;
    matches!(url.scheme(), "https" | "http").then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_an_absolute_url_without_fragment() {
        for good in ["https://mcp.example", "https://mcp.example/tools?x=1", "http://127.0.0.1:9000/mcp"] {
            assert_eq!(resource(good).as_deref(), Some(good));
        }
        for wrong in
            ["", "mcp.example", "/tools", "https://mcp.example/#x", "ftp://mcp.example", "https://a b"]
        {
            assert_eq!(resource(wrong), None, "{wrong}");
        }
    }
}
