//! `keywright tokens verify`: whether a token is well formed. Asks nobody and reads no file: whether it is
//! any good, only the server that made it knows.

use clap::Args;
use keywright_protocol::{ErrorCode, Exit};
use keywright_secret::{PlatformToken, Secret, TokenKind, Vendor, looks_like_ours};
use serde_json::json;

use crate::error::CommandError;
use crate::input;
use crate::output::Output;

/// Which token.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The token; read from standard input when left out or `-`, where nobody else sees it
    #[arg(value_parser = secret)]
    token: Option<Secret>,
}

/// Says what it is. The token itself is never repeated.
pub(crate) fn verify(args: VerifyArgs, output: Output) -> Result<(), CommandError> {
    let token = match args.token {
        Some(token) if token.expose() != "-" => {
            output.warn(
                "a token among the arguments can be seen in the list of processes by every user of this \
                 machine; on standard input it cannot.",
            );
            Secret::new(token.expose().trim())
        }
        _ => {
            if input::is_terminal() {
                output.say("Paste the token and press Enter.");
            }
            input::secret("token")?
        }
    };
    match PlatformToken::parse(token.expose()) {
        Ok(parsed) => {
            let kind = parsed.kind();
            output.data(&json!({ "wellFormed": true, "kind": kind.as_str() }), || {
                format!(
                    "Well formed: {} ({}). Whether it still opens anything, only its server knows: \
                     `keywright whoami`.",
                    in_words(kind),
                    kind.prefix()
                )
            })
        }
        Err(_) => Err(refused(token.expose())),
    }
}

fn refused(token: &str) -> CommandError {
    let not = |code: ErrorCode, message: String| CommandError::new(Exit::User, code.as_str(), message);
    if looks_like_ours(token) {
        let code = ErrorCode::KeyMalformed;
        return not(code, code.message().to_owned()).hint(code.next_action());
    }
    let code = ErrorCode::WrongKeyKind;
    match Vendor::of(token) {
        Some(vendor) => not(code, format!("That is a key of {}, not a Keywright token.", vendor.name())),
        None => not(code, code.message().to_owned()),
    }
    .hint("A Keywright token begins with sk_kw_, tmp_kw_, at_kw_ or rt_kw_.")
}

fn in_words(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::ApiKey => "an API key",
        TokenKind::Temporary => "the token of a temporary account",
        TokenKind::Access => "an access token",
        TokenKind::Refresh => "a refresh token",
    }
}

/// Never fails, and so never repeats the token in a message.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}
