//! What becomes of the temporary account of the profile in use when somebody signs up or in by mailbox.

use keywright_client::ClientError;
use keywright_credentials::CodePurpose;
use keywright_protocol::ErrorCode;
use keywright_protocol::wire::{Upgrade, UpgradeOutcome};

use crate::commands::upgrade::Offer;
use crate::context::Context;
use crate::error::CommandError;
use crate::input;
use crate::keeping;

/// The temporary account to present, if there is one and nobody minds.
pub(super) fn offer(context: &Context, purpose: CodePurpose) -> Result<Option<Offer>, CommandError> {
    let Some(offer) = Offer::of(context)? else { return Ok(None) };
    Ok((purpose == CodePurpose::Signup || is_to_be_merged(context, &offer)?).then_some(offer))
}

/// Says what signing in does to the account, and asks where somebody can answer.
fn is_to_be_merged(context: &Context, offer: &Offer) -> Result<bool, CommandError> {
    let what = format!(
        "the records of your temporary account of {} into the account that you sign in to, and end {}",
        offer.day,
        match offer.keep_keys.len() {
            0 => "that account".to_owned(),
            1 => "its 1 key".to_owned(),
            count => format!("its {count} keys"),
        }
    );
    if !input::is_terminal() || context.output.is_json() {
        context.output.say(&format!("This will move {what}; `--no-upgrade` leaves it as it is."));
        return Ok(true);
    }
    input::confirm(context.output, &format!("Move {what}?"))
}

/// Whether the account, and not the code, was refused: then the code is still good.
pub(super) fn is_refused(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(
            ErrorCode::UpgradeRefused
                | ErrorCode::KeyUnknown
                | ErrorCode::KeyExpired
                | ErrorCode::KeyRevoked
                | ErrorCode::KeyMalformed
        )
    )
}

/// Says what became of it, and forgets its token, which is dead.
pub(super) fn report(context: &Context, offer: &Offer, upgrade: &Upgrade) {
    let ended = match upgrade.ended_credentials {
        1 => "1 credential of it ended".to_owned(),
        count => format!("{count} credentials of it ended"),
    };
    let day = &offer.day;
    let words = match (upgrade.outcome, upgrade.kept_keys.len()) {
        (UpgradeOutcome::Merged, _) => {
            format!("The records of your temporary account of {day} are in this account now; {ended}.")
        }
        (UpgradeOutcome::Upgraded, 0) => {
            format!("Your temporary account of {day} is this account now; {ended}.")
        }
        (UpgradeOutcome::Upgraded, 1) => {
            format!(
                "Your temporary account of {day} is this account now; its key goes on, until its own end, and {ended}."
            )
        }
        (UpgradeOutcome::Upgraded, kept) => {
            format!(
                "Your temporary account of {day} is this account now; its {kept} keys go on, until their own end, and {ended}."
            )
        }
    };
    context.output.say(&words);
    keeping::upgraded(context, &offer.token);
}
