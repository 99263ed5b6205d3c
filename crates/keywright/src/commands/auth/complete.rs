//! What signing up and signing in by code have in common: the code goes up, the key comes down and is kept.

use clap::Args;
use keywright_client::{Client, ClientError, SignedIn};
use keywright_credentials::{CodePurpose, ProfileName};
use keywright_protocol::KeyId;
use keywright_protocol::wire::AskedKey;
use keywright_secret::Secret;
use serde_json::Value;

use super::pending::Pending;
use super::place::PlaceArgs;
use super::shown::Shown;
use super::upgrade;
use crate::arguments::Global;
use crate::commands::new_key::NewKeyArgs;
use crate::commands::upgrade::Offer;
use crate::error::CommandError;
use crate::input;
use crate::output::Output;
use crate::saved;
use crate::spinner::Spinner;
use crate::table::printable;

/// What both take.
#[derive(Debug, Args)]
pub(super) struct CompletionArgs {
    /// The mailbox that the code was sent to
    #[arg(long)]
    email: String,
    /// The code from the mail; `-` reads it from standard input, where no other user of the machine sees it
    #[arg(long, value_parser = code)]
    code: Secret,
    #[command(flatten)]
    key: NewKeyArgs,
    /// The profile that keeps the key; named after the organization when left out
    #[arg(long, value_name = "PROFILE")]
    name: Option<ProfileName>,
    /// Leaves the temporary account of this profile as it is
    #[arg(long)]
    no_upgrade: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

/// One request, in the parts that both have.
pub(super) struct Asked {
    pub(super) email: Option<Value>,
    pub(super) code: Secret,
    pub(super) request_id: Option<String>,
    pub(super) api_key: Option<AskedKey>,
    pub(super) upgrade: bool,
    pub(super) keep_keys: Vec<KeyId>,
}

impl CompletionArgs {
    /// Presents the code by `send` and keeps what comes of it.
    pub(super) async fn complete(
        self,
        purpose: CodePurpose,
        global: Global,
        output: Output,
        send: impl AsyncFn(&Client, Asked) -> Result<SignedIn, ClientError>,
    ) -> Result<(), CommandError> {
        let place = self.place.choose(global, output)?;
        let context = &place.context;
        saved::check(context)?;
        let code = self.read_code(output)?;
        let client = place.connect().await?;
        let pending = Pending::of(context, purpose, &self.email);
        let request_id = pending.find().map(|id| id.to_string());
        let ask = async |offer: Option<&Offer>| {
            let asked = Asked {
                email: Some(self.email.as_str().into()),
                code: code.clone(),
                request_id: request_id.clone(),
                api_key: self.key.asked(),
                upgrade: offer.is_some(),
                keep_keys: offer.map(|offer| offer.keep_keys.clone()).unwrap_or_default(),
            };
            let client = match offer {
                Some(offer) => client.clone().with_token(offer.token.clone()),
                None => client.clone(),
            };
            let _spinner = Spinner::start("presenting the code");
            send(&client, asked).await
        };
        let offer = if self.no_upgrade { None } else { upgrade::offer(context, purpose)? };
        let answer = match ask(offer.as_ref()).await {
            Err(error) if offer.is_some() && upgrade::is_refused(&error) => {
                let why = printable(&error.to_string());
                output.warn(&format!("{why} Going on without the temporary account."));
                ask(None).await
            }
            answer => answer,
        };
        let signed_in = answer?;
        let organization = (signed_in.organization_id, signed_in.organization_name.as_str());
        let profile = saved::minted(context, &signed_in.key, organization, self.name.as_ref()).await?;
        pending.forget();
        if let (Some(offer), Some(upgrade)) = (&offer, &signed_in.upgrade) {
            upgrade::report(context, offer, upgrade);
        }
        let shown = Shown::of(&signed_in, &profile);
        output.data(&shown, || shown.describe())?;
        output
            .say("Next: `keywright run -- AGENT` starts an agent, `keywright tokens list` lists your keys.");
        Ok(())
    }

    fn read_code(&self, output: Output) -> Result<Secret, CommandError> {
        if self.code.expose() != "-" {
            return Ok(self.code.clone());
        }
        if input::is_terminal() {
            output
                .say(&format!("Type the code from the mail to {} and press Enter.", printable(&self.email)));
        }
        input::secret("code")
    }
}

/// Never fails, and so never repeats the code in a message.
fn code(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.trim()))
}
