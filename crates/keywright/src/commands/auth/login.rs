//! `keywright auth login-complete`: the code makes a key in one of the user's organizations.

use clap::Args;
use keywright_credentials::CodePurpose;
use keywright_protocol::KeyId;
use keywright_protocol::wire::CompleteLogin;

use super::complete::{Asked, CompletionArgs};
use crate::arguments::Global;
use crate::error::CommandError;
use crate::output::Output;

/// The code, and for which organization.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    completion: CompletionArgs,
    /// The organization that the key is for; needed by who belongs to several
    #[arg(long, value_name = "ID")]
    organization_id: Option<String>,
    /// A key to delete in the same step, so that there is room for the new one; several are allowed
    #[arg(long = "revoke-key", value_name = "ID", value_delimiter = ',')]
    revoke_keys: Vec<KeyId>,
}

/// Signs in.
pub(super) async fn complete(args: LoginArgs, global: Global, output: Output) -> Result<(), CommandError> {
    let LoginArgs { completion, organization_id, revoke_keys } = args;
    completion
        .complete(CodePurpose::Login, global, output, async |client, asked: Asked| {
            let Asked { email, code, request_id, api_key, upgrade, keep_keys } = asked;
            let rest = CompleteLogin {
                email,
                organization_id: organization_id.clone(),
                api_key,
                request_id,
                revoke_keys: revoke_keys.clone(),
                upgrade,
                keep_keys,
                ..CompleteLogin::default()
            };
            client.complete_login(&code, rest).await
        })
        .await
}
