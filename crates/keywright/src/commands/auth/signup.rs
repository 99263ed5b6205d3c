//! `keywright auth signup-complete`: the code makes user, organization and key.

use clap::Args;
use keywright_credentials::CodePurpose;
use keywright_protocol::wire::{Company, CompleteSignup};

use super::complete::{Asked, CompletionArgs};
use crate::arguments::Global;
use crate::error::CommandError;
use crate::output::Output;

/// The code, and what is to be made.
#[derive(Debug, Args)]
pub(crate) struct SignupArgs {
    #[command(flatten)]
    completion: CompletionArgs,
    /// The name of the organization, at most 100 characters; `My Organization` when left out
    #[arg(long, value_name = "NAME")]
    company: Option<String>,
    /// What the organization is
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// Signs up.
pub(super) async fn complete(args: SignupArgs, global: Global, output: Output) -> Result<(), CommandError> {
    let SignupArgs { completion, company, description } = args;
    let company =
        (company.is_some() || description.is_some()).then_some(Company { name: company, description });
    completion
        .complete(CodePurpose::Signup, global, output, async |client, asked: Asked| {
            let Asked { email, code, request_id, api_key, upgrade, keep_keys } = asked;
            let company = company.clone();
            let rest = CompleteSignup {
                email,
                company,
                api_key,
                request_id,
                upgrade,
                keep_keys,
                ..CompleteSignup::default()
            };
            client.complete_signup(&code, rest).await
        })
        .await
}
