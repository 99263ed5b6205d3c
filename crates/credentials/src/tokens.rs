//! Tokens of this machine for programs that use the SDK: `client` reads none by itself, so whoever wants the
//! user's own says so by using this.

use std::sync::Arc;

use keywright_client::{OtherTokenFuture, ServerUrl, TokenFuture, TokenSource, TokenUnavailable};
use keywright_protocol::{Clock, SystemClock};
use keywright_secret::Secret;

use crate::{Candidates, CredentialFile, Environment, ProfileName, Resolved, SessionTokens, Source, resolve};

/// The credential that the command line would use: that of the environment, and, if they are opened, of the
/// files. A session is kept fresh. No account is made.
pub struct LocalTokens {
    environment: Environment,
    stored: Option<Stored>,
    clock: Arc<dyn Clock>,
}

struct Stored {
    file: CredentialFile,
    profile: ProfileName,
    session: SessionTokens,
}

impl LocalTokens {
    /// `KEYWRIGHT_API_KEY` of `environment`, and nothing else.
    pub fn of_environment(environment: Environment) -> Self {
        Self { environment, stored: None, clock: Arc::new(SystemClock) }
    }

    /// And behind it what is stored in `file` under `profile`.
    #[must_use]
    pub fn and_stored(self, file: CredentialFile, profile: ProfileName) -> Self {
        let session = SessionTokens::new(file.clone(), profile.clone(), Arc::clone(&self.clock));
        Self { stored: Some(Stored { file, profile, session }), ..self }
    }

    fn resolve(&self, server: &ServerUrl) -> Result<Resolved, TokenUnavailable> {
        let credentials = match &self.stored {
            Some(stored) => {
                stored.file.peek().map_err(|error| TokenUnavailable::Failed(error.to_string()))?
            }
            None => None,
        };
        let entry = credentials
            .as_ref()
            .zip(self.stored.as_ref())
            .and_then(|(credentials, stored)| credentials.entry(&stored.profile, server));
        let candidates =
            Candidates { flag: None, environment: &self.environment, stored: entry, now: self.clock.now() };
        match resolve(&candidates) {
            Ok(Some(resolved)) => Ok(resolved),
            Ok(None) => Err(TokenUnavailable::Missing(format!("nobody is signed in to {server}"))),
            Err(error) => Err(TokenUnavailable::Missing(error.to_string())),
        }
    }
}

impl TokenSource for LocalTokens {
    fn token<'a>(&'a self, server: &'a ServerUrl) -> TokenFuture<'a> {
        Box::pin(async move {
            let resolved = self.resolve(server)?;
            match &self.stored {
                Some(stored) if resolved.source == Source::Session => stored.session.token(server).await,
                _ => Ok(resolved.token),
            }
        })
    }

    fn after_refusal<'a>(&'a self, server: &'a ServerUrl, refused: &'a Secret) -> OtherTokenFuture<'a> {
        Box::pin(async move {
            match &self.stored {
                Some(stored) if self.resolve(server)?.source == Source::Session => {
                    stored.session.after_refusal(server, refused).await
                }
                _ => Ok(None),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use keywright_client::PlainText;
    use keywright_secret::{PlatformToken, TokenKind};
    use serde_json::json;

    use super::*;

    fn mint(kind: TokenKind) -> String {
        PlatformToken::mint(kind).expose().to_owned()
    }

    fn server() -> ServerUrl {
        ServerUrl::parse("https://k.example", PlainText::LoopbackOnly).unwrap()
    }

    #[tokio::test]
    async fn the_files_are_read_only_by_whoever_asks_for_it_and_the_environment_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        let (key, session) = (mint(TokenKind::ApiKey), mint(TokenKind::Access));
        let entry = json!({ "session": { "accessToken": session, "issuer": "https://k.example" } });
        let file = json!({ "profiles": { "default": { "servers": { "https://k.example": entry } } } });
        std::fs::write(&path, file.to_string()).unwrap();
        let stored = |environment| {
            LocalTokens::of_environment(environment)
                .and_stored(CredentialFile::new(&path), ProfileName::default())
        };
        let set: Environment = [("KEYWRIGHT_API_KEY", &key)].into_iter().collect();
        assert_eq!(stored(set.clone()).token(&server()).await, Ok(Secret::new(key.clone())));
        assert_eq!(stored(Environment::default()).token(&server()).await, Ok(Secret::new(session)));
        assert_eq!(LocalTokens::of_environment(set).token(&server()).await, Ok(Secret::new(key)));
        let nothing = LocalTokens::of_environment(Environment::default());
        assert!(matches!(nothing.token(&server()).await, Err(TokenUnavailable::Missing(_))));
    }

    #[tokio::test]
    async fn a_stranger_gets_nothing_and_a_damaged_credential_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = CredentialFile::new(folder.path().join("credentials.json"));
        let set: Environment = [("KEYWRIGHT_API_KEY", "sk_kw_mistyped")].into_iter().collect();
        let tokens = LocalTokens::of_environment(set).and_stored(file, ProfileName::default());
        let Err(TokenUnavailable::Missing(why)) = tokens.token(&server()).await else { panic!("a token") };
        assert!(why.contains("KEYWRIGHT_API_KEY") && !why.contains("mistyped_"), "{why}");
        let refused = tokens.after_refusal(&server(), &Secret::new("x")).await;
        assert!(refused.is_err());
    }
}
