//! Which server the codes come from, and where on it they are asked for.

use clap::Args;
use keywright_client::{BadEndpoint, Client, EndpointUrl, PlainText, ServerUrl};
use keywright_credentials::launch::shell_quoted;
use keywright_credentials::{ProfileSource, ServerSource};
use keywright_protocol::Exit;

use crate::arguments::Global;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Output;

/// Where to ask.
#[derive(Debug, Args)]
pub(super) struct PlaceArgs {
    /// The server; the same as --server
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The whole address to post to, where a server has this endpoint elsewhere; counts before --base-url
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
}

/// A context, with the endpoint if one was named.
pub(super) struct Place {
    pub(super) context: Context,
    endpoint: Option<EndpointUrl>,
    insecure: bool,
}

impl PlaceArgs {
    /// Chooses the server. An endpoint that is named decides which it is: the key is kept for its origin.
    pub(super) fn choose(&self, mut global: Global, output: Output) -> Result<Place, CommandError> {
        if self.base_url.is_some() && global.server.is_some() {
            return Err(CommandError::usage("`--base-url` and `--server` are the same; give one of them"));
        }
        let insecure = global.insecure;
        let plain_text = if insecure { PlainText::Anywhere } else { PlainText::LoopbackOnly };
        let endpoint = self.api_url.as_deref().map(|text| EndpointUrl::parse(text, plain_text)).transpose();
        let endpoint = endpoint.map_err(|error| bad_endpoint(&error))?;
        if let Some(endpoint) = &endpoint {
            global.server = Some(endpoint.server().to_string());
        } else if let Some(text) = &self.base_url {
            let server = ServerUrl::parse(text, plain_text)
                .map_err(|error| CommandError::bad_server("--base-url", &error))?;
            global.server = Some(server.to_string());
        }
        Ok(Place { context: Context::signing_in(global, output)?, endpoint, insecure })
    }
}

impl Place {
    /// A client without a token, which posts to the endpoint. The server on the default address has proven
    /// itself.
    pub(super) async fn connect(&self) -> Result<Client, CommandError> {
        let client = self.context.connect().await?;
        match &self.endpoint {
            Some(endpoint) => Ok(client.with_mailbox_endpoint(endpoint.clone())?),
            None => Ok(client),
        }
    }

    /// What the next command needs so that it asks the same server; empty where it would anyway.
    pub(super) fn flags(&self) -> String {
        let context = &self.context;
        let mut flags = match (&self.endpoint, context.server.source) {
            // Where the next endpoint is on such a server, only the caller knows.
            (Some(endpoint), _) if !endpoint.target().starts_with(API) => " --api-url URL".to_owned(),
            (_, ServerSource::Flag) => {
                format!(" --base-url {}", shell_quoted(&context.server.url.to_string()))
            }
            (_, ServerSource::Profile) if context.profile_source == ProfileSource::Flag => {
                format!(" --profile {}", context.profile)
            }
            _ => String::new(),
        };
        if self.insecure {
            flags.push_str(" --insecure");
        }
        flags
    }
}

/// Below this all endpoints are where they usually are.
const API: &str = "/api/v1/auth/";

fn bad_endpoint(error: &BadEndpoint) -> CommandError {
    match error {
        BadEndpoint::Server(server) => CommandError::bad_server("--api-url", server),
        BadEndpoint::Fragment => {
            CommandError::new(Exit::User, "SERVER_INVALID", format!("--api-url: {error}"))
        }
        BadEndpoint::NoPath { .. } => {
            CommandError::new(Exit::User, "SERVER_INVALID", format!("--api-url: {error}"))
                .hint("Name a server with `--base-url`.")
        }
    }
}
