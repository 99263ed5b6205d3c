//! Which organization and which member is meant: by id, or by a name that only one has.

use keywright_client::{Client, ClientError};
use keywright_protocol::wire::{Member, Organization, UserKind};
use keywright_protocol::{ErrorCode, Exit, OrganizationId};

use crate::error::CommandError;
use crate::table::printable;

/// The organization that the client's token acts in.
pub(super) async fn current(client: &Client) -> Result<OrganizationId, ClientError> {
    Ok(client.whoami().await?.account.organization_id)
}

/// The one that is meant, of those that there are; the one in use when none is named.
pub(super) fn organization<'o>(
    organizations: &'o [Organization],
    wanted: Option<&str>,
) -> Result<&'o Organization, CommandError> {
    let one = match wanted {
        None => one_of(organizations, |organization| organization.current),
        Some(wanted) => {
            one_of(organizations, |organization| organization.organization_id.to_string() == wanted)
                .or_else(|_| one_of(organizations, |organization| organization.name == wanted))
        }
    };
    one.map_err(|found| match found {
        0 => CommandError::known(ErrorCode::NotFound, "you are in no organization of that id or name")
            .hint("See `keywright orgs list`."),
        _ => CommandError::new(Exit::User, "NAME_AMBIGUOUS", format!("{found} organizations have that name"))
            .hint("Name one by its id, from `keywright orgs list`."),
    })
}

/// The member that is meant.
pub(super) fn member<'m>(members: &'m [Member], wanted: &str) -> Result<&'m Member, CommandError> {
    // Mailboxes are compared as the server writes them.
    let address = wanted
        .parse()
        .map_or_else(|_| wanted.to_owned(), |mailbox: keywright_protocol::Mailbox| mailbox.to_string());
    let one = one_of(members, |member| member.user_id.to_string() == wanted)
        .or_else(|_| one_of(members, |member| member.email.as_deref() == Some(&address)))
        .or_else(|_| one_of(members, |member| member.name.as_deref() == Some(wanted)));
    one.map_err(|found| match found {
        0 => CommandError::known(ErrorCode::NotFound, "no member has that id, mailbox or name")
            .hint("See `keywright orgs members`."),
        _ => CommandError::new(Exit::User, "NAME_AMBIGUOUS", format!("{found} members have that name"))
            .hint("Name one by its id, from `keywright orgs members`."),
    })
}

/// What a member is called.
pub(super) fn called(member: &Member) -> String {
    let name = member.email.as_ref().or(member.name.as_ref());
    name.map_or_else(|| member.user_id.to_string(), |name| printable(name))
}

/// What kind of user, in a word.
pub(super) fn kind(kind: UserKind) -> &'static str {
    match kind {
        UserKind::Person => "person",
        UserKind::Service => "service",
        UserKind::Temporary => "temporary",
    }
}

/// The only one, or how many there are.
fn one_of<T>(all: &[T], same: impl Fn(&T) -> bool) -> Result<&T, usize> {
    let mut found = all.iter().filter(|one| same(one));
    match (found.next(), found.count()) {
        (Some(one), 0) => Ok(one),
        (first, more) => Err(usize::from(first.is_some()) + more),
    }
}

#[cfg(test)]
mod tests {
    use keywright_protocol::{Role, Timestamp, UserId};

    use super::*;

    fn organization_of(name: &str, current: bool) -> Organization {
        Organization {
            organization_id: OrganizationId::new(),
            name: name.into(),
            description: None,
            role: Role::Owner,
            current,
            created_at: Timestamp(0),
        }
    }

    fn member_of(kind: UserKind, email: Option<&str>, name: Option<&str>) -> Member {
        Member {
            user_id: UserId::new(),
            kind,
            email: email.map(str::to_owned),
            name: name.map(str::to_owned),
            role: Role::Member,
            joined_at: Timestamp(0),
            active_keys: 0,
        }
    }

    #[test]
    fn an_organization_is_found_by_id_or_by_a_name_that_only_one_has() {
        let mut all =
            vec![organization_of("a", false), organization_of("b", true), organization_of("b", false)];
        // Named like the id of another.
        all.push(organization_of(&all[0].organization_id.to_string(), false));
        let id = all[0].organization_id.to_string();
        for (wanted, index) in [(None, 1), (Some("a"), 0), (Some(id.as_str()), 0)] {
            assert_eq!(organization(&all, wanted).unwrap(), &all[index], "{wanted:?}");
        }
        assert!(organization(&all, Some("b")).unwrap_err().message().contains("2 organizations"));
        assert!(organization(&all, Some("c")).unwrap_err().is(ErrorCode::NotFound));
    }

    #[test]
    fn a_member_is_found_by_id_mailbox_in_any_spelling_or_name() {
        let all = [
            member_of(UserKind::Person, Some("a@x.example"), None),
            member_of(UserKind::Service, None, Some("ci")),
            member_of(UserKind::Service, None, Some("ci")),
            member_of(UserKind::Service, None, Some("a@x.example")),
        ];
        let id = all[2].user_id.to_string();
        for (wanted, index) in [("a@x.example", 0), ("A@X.Example", 0), (id.as_str(), 2)] {
            assert_eq!(member(&all, wanted).unwrap(), &all[index], "{wanted}");
        }
        assert!(member(&all, "ci").unwrap_err().message().contains("2 members"));
        assert!(member(&all, "nobody").unwrap_err().is(ErrorCode::NotFound));
    }
}
