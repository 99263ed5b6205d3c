//! The temporary account of the profile, which whoever signs in at the pages may take over. The page names it and
//! asks; here it is only offered, by a ticket that stands for its token.

use keywright_client::{Client, ClientError};
use keywright_protocol::wire::LoginUpgrade;
use keywright_secret::Secret;

use crate::commands::upgrade::Offer;
use crate::context::Context;
use crate::error::CommandError;
use crate::keeping;
use crate::table::printable;

/// An account that is offered, and its ticket.
pub(super) struct Offered {
    offer: Offer,
    pub(super) ticket: Secret,
}

/// Offers the account, if there is one. Whatever keeps it from going along keeps nobody from signing in.
pub(super) async fn offer(context: &Context, client: &Client) -> Result<Option<Offered>, CommandError> {
    let Some(offer) = Offer::of(context)? else { return Ok(None) };
    let day = &offer.day;
    match client.clone().with_token(offer.token.clone()).upgrade_ticket().await {
        Ok(ticket) => {
            let with_keys = match offer.keep_keys.len() {
                0 => String::new(),
                1 => " with its key".to_owned(),
                count => format!(" with its {count} keys"),
            };
            context.output.say(&format!(
                "The page will ask whether the records of your temporary account of {day} are to move into the \
                 account that you sign in to; the temporary one ends then{with_keys}. `--no-upgrade` leaves it as \
                 it is."
            ));
            Ok(Some(Offered { offer, ticket: ticket.ticket }))
        }
        Err(error @ (ClientError::Refused(_) | ClientError::NotOurs { .. })) => {
            let why = printable(error.to_string().trim_end_matches('.'));
            context.output.warn(&format!(
                "the temporary account of {day} cannot go along: {why}. Going on without it."
            ));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Says what became of it. A server that says nothing knows nothing of such accounts.
pub(super) fn report(context: &Context, offered: &Offered, outcome: Option<LoginUpgrade>) {
    let Offer { day, token, .. } = &offered.offer;
    let (output, profile) = (context.output, &context.profile);
    match outcome {
        Some(LoginUpgrade::Merged) => {
            output.say(&format!(
                "The records of your temporary account of {day} are in this account now; it has ended with its \
                 keys."
            ));
            keeping::upgraded(context, token);
        }
        Some(LoginUpgrade::Declined) => output.say(&format!(
            "Your temporary account of {day} stays as it was, in the profile {profile}, as you decided."
        )),
        Some(LoginUpgrade::Unavailable) | None => output.warn(&format!(
            "your temporary account of {day} could not be taken over, because it took too long or it cannot be; it \
             stays as it was, in the profile {profile}. `keywright login --profile {profile}` tries again; one \
             that administers the server goes along by a mailed code alone: `keywright auth login-request \
             --profile {profile} --email EMAIL`."
        )),
    }
}
