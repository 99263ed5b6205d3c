//! The address of one endpoint, for servers that have it elsewhere.

use std::fmt;

use url::{Position, Url};

use crate::{BadServer, PlainText, ServerUrl};

/// The whole address of one endpoint: a server, and the path and query to call there.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    server: ServerUrl,
    target: String,
}

impl EndpointUrl {
    /// Reads the address of an endpoint.
    ///
    /// # Errors
    /// [`BadEndpoint`] when it is no http or https address with a path, or would send credentials in the clear.
    pub fn parse(text: &str, plain_text: PlainText) -> Result<Self, BadEndpoint> {
        let url = Url::parse(text).map_err(|source| BadServer::NotAUrl { source })?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadServer::Credential.into());
        }
        if url.fragment().is_some() {
            return Err(BadEndpoint::Fragment);
        }
        let server = match url.scheme() {
            "http" | "https" => ServerUrl::parse(&url.origin().ascii_serialization(), plain_text)?,
            _ => return Err(BadServer::Scheme.into()),
        };
        if url.path() == "/" {
            return Err(BadEndpoint::NoPath { server: server.to_string() });
        }
        let target = url[Position::BeforePath..Position::AfterQuery].to_owned();
        Ok(Self { server, target })
    }

    /// The server that it is on.
    pub fn server(&self) -> &ServerUrl {
        &self.server
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl fmt::Debug for EndpointUrl {
    /// Without the query, in which people put keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.target.split('?').next().unwrap_or_default();
        write!(formatter, "{}{path}", self.server)
    }
}

/// The address names no endpoint that may be used. The text is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum BadEndpoint {
    /// What stands before the path is no server that may be used.
    #[error(transparent)]
    Server(#[from] BadServer),
    /// There is a fragment, which is never sent.
    #[error("the address of an endpoint has no `#` part")]
    Fragment,
    /// It is the address of a server and names no endpoint on it.
    #[error("{server} is a server and names no endpoint on it")]
    NoPath {
        /// The server.
        server: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<EndpointUrl, BadEndpoint> {
        EndpointUrl::parse(text, PlainText::LoopbackOnly)
    }

    #[test]
    fn an_address_is_a_server_and_what_is_called_there() {
        for (text, server, target) in [
            ("https://k.example/auth/signup", "https://k.example", "/auth/signup"),
            ("http://127.0.0.1:9/x?y=1&z", "http://127.0.0.1:9", "/x?y=1&z"),
            ("https://K.Example:443/a%20b/", "https://k.example", "/a%20b/"),
        ] {
            let endpoint = parse(text).unwrap();
            assert_eq!((endpoint.server().to_string().as_str(), endpoint.target()), (server, target));
        }
        assert!(!format!("{:?}", parse("https://k.example/x?key=canary").unwrap()).contains("canary"));
    }

    #[test]
    fn what_would_send_a_credential_astray_is_refused_and_not_repeated() {
        for text in
            ["", "/api", "ftp://k.example/x", "https://k.example/x#canary", "https://k.example", "file:///x"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        let error = parse("https://u:canary@k.example/x").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
        for text in ["http://10.0.0.1/x", "http://localhost.evil.example/x"] {
            assert!(matches!(parse(text), Err(BadEndpoint::Server(BadServer::PlainText { .. }))), "{text}");
            assert!(EndpointUrl::parse(text, PlainText::Anywhere).is_ok(), "{text}");
        }
    }
}
