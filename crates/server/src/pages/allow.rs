//! What a person chooses on the pages that let an application or a device in: the organization, what may be done,
//! for how long, and what becomes of a temporary account that came along.

use keywright_identity::oauth::{Allowance, SessionScope, Ticket};
use keywright_identity::{EntranceChoice, Entrances};
use keywright_protocol::{ErrorCode, OrganizationId, Timestamp, UserId};

use crate::api::Api;
use crate::oauth::Form;
use crate::pages::respond::PageRefusal;

/// What is shown to choose from.
pub(super) struct Choices {
    pub(super) mailbox: String,
    pub(super) entrances: Vec<Choice>,
    pub(super) scopes: Vec<ShownScope>,
    pub(super) lives: Vec<Life>,
    pub(super) offer: Option<Offer>,
    /// A temporary account came along that cannot be taken over.
    pub(super) gone: bool,
}

/// An organization to choose.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) name: String,
    pub(super) note: String,
    /// Whether it is chosen unless the person chooses another.
    pub(super) first: bool,
}

/// A scope to tick.
pub(super) struct ShownScope {
    pub(super) name: &'static str,
    pub(super) words: String,
}

/// How long a session may live.
pub(super) struct Life {
    pub(super) seconds: i64,
    pub(super) words: String,
}

/// A temporary account to take over.
pub(super) struct Offer {
    pub(super) day: String,
    pub(super) records: i64,
    pub(super) keys: i64,
}

impl Choices {
    /// What that person may choose from, of what was asked for.
    pub(super) async fn of(
        api: &Api,
        user: UserId,
        scope: SessionScope,
        lifetime: i64,
        ticket: Option<Ticket>,
    ) -> Result<Self, PageRefusal> {
        let entrances = api.identity.entrances(user).await?;
        let offer = match ticket {
            None => None,
            Some(ticket) => offer(api, ticket).await?,
        };
        let scopes = scope.names().map(|name| ShownScope { name, words: described(name) }).collect();
        Ok(Self {
            mailbox: entrances.mailbox.clone(),
            entrances: choices(entrances),
            scopes,
            lives: lives(lifetime),
            gone: ticket.is_some() && offer.is_none(),
            offer,
        })
    }
}

/// Brings the person into the organization that it chose; `None` when it chose none of those that it may.
pub(super) async fn entered(
    api: &Api,
    user: UserId,
    form: &Form,
) -> Result<Option<OrganizationId>, PageRefusal> {
    let choice = match form.text("organization") {
        Some(NEW) => EntranceChoice::New,
        Some(id) => match id.parse() {
            Ok(id) => EntranceChoice::Organization(id),
            Err(_) => return Ok(None),
        },
        None => return Ok(None),
    };
    match api.identity.enter(user, choice).await {
        Ok(organization) => Ok(Some(organization)),
        Err(error) if error.code == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// How much the person allows. Of a page with ticks what is not ticked is not allowed.
pub(super) fn allowance(form: &Form) -> Allowance {
    let ticked = |name: &str| form.text(&format!("may:{name}")).is_some();
    Allowance {
        scope: form.text("narrowed").map(|_| SessionScope::every().chosen(ticked)),
        lifetime: form.text("life").and_then(|text| text.parse().ok()),
        takes_over: form.text("take_over").is_some(),
    }
}

/// A time to the minute, in UTC.
pub(super) fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {} UTC", text.get(..10).unwrap_or_default(), text.get(11..16).unwrap_or_default())
}

/// An invitation comes last and is never chosen beforehand: whoever invites names the organization, and could have
/// it look like one of the person's own.
fn choices(entrances: Entrances) -> Vec<Choice> {
    let own = entrances.organizations.into_iter().map(|one| Choice {
        value: one.organization.to_string(),
        name: one.name,
        note: String::new(),
        first: false,
    });
    let new = entrances.may_found.then(|| Choice {
        value: NEW.to_owned(),
        name: "A new organization of your own".to_owned(),
        note: String::new(),
        first: false,
    });
    let mut all: Vec<Choice> = own.chain(new).collect();
    if let Some(first) = all.first_mut() {
        first.first = true;
    }
    all.extend(entrances.invitations.into_iter().map(|one| Choice {
        value: one.organization_id.to_string(),
        note: format!("you are invited; choosing it accepts; its id is {}", one.organization_id),
        name: one.organization_name,
        first: false,
    }));
    all
}

async fn offer(api: &Api, ticket: Ticket) -> Result<Option<Offer>, PageRefusal> {
    let Some(found) = api.identity.offered_upgrade(ticket).await? else { return Ok(None) };
    let until = api.clock.now().plus_millis(1);
    let used = api.records.usage(found.organization, Timestamp(0), until).await;
    let used = used.map_err(|_| ErrorCode::StorageUnavailable)?;
    Ok(Some(Offer {
        day: found.created_at.to_string().get(..10).unwrap_or_default().to_owned(),
        records: used.total.requests,
        keys: found.keys,
    }))
}

/// What is asked for, and what is less.
fn lives(most: i64) -> Vec<Life> {
    let less = LIVES.into_iter().filter(|seconds| *seconds < most);
    std::iter::once(most).chain(less).map(|seconds| Life { seconds, words: span(seconds) }).collect()
}

fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        days if days % 86_400 == 0 => (days / 86_400, "day"),
        hours if hours % 3_600 == 0 => (hours / 3_600, "hour"),
        other => (other / 60, "minute"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// What a scope lets do, in words, with its name.
fn described(name: &str) -> String {
    let words = match name {
        "models:use" => "call models",
        "executions:read" => "read what was called, and what it used",
        "instances:read" => "see the model providers, and whether they can be reached",
        "deploy:use-case"
        | "workflows:trigger"
        | "instances:manage"
        | "skills:read"
        | "integrations:manage" => "be shown to services of your own that ask for it",
        "api-keys:manage" => "make, change and delete API keys",
        "projects:create" => "change the organization and who is in it",
        "projects:read" => "see the organization and who is in it",
        "openid" => "know who you are",
        "email" => "know your mailbox",
        "profile" => "know how you are called",
        "offline_access" => "go on while you are away",
        other => return other.to_owned(),
    };
    format!("{words} ({name})")
}

const NEW: &str = "new";
/// 30 days, 7 days, a day, 8 hours, an hour.
const LIVES: [i64; 5] = [30 * 86_400, 7 * 86_400, 86_400, 8 * 3_600, 3_600];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_comes_first_and_only_less_after_it() {
        let words = |most| lives(most).into_iter().map(|life| life.words).collect::<Vec<_>>();
        assert_eq!(words(90 * 86_400), ["90 days", "30 days", "7 days", "1 day", "8 hours", "1 hour"]);
        assert_eq!(words(7_200), ["2 hours", "1 hour"]);
        assert_eq!(words(3_660), ["61 minutes", "1 hour"]);
        assert_eq!(words(3_600), ["1 hour"]);
    }
}
