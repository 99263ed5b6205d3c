//! The paths of the JSON API. Outside programs rely on them; they never change.

/// Makes a temporary account (`POST`).
pub const TEMPORARY: &str = "/api/v1/auth/temporary";
/// Makes a child token for an agent (`POST`) and lets it live on (`PATCH`); a child ends itself (`DELETE`).
pub const CHILD: &str = "/api/v1/auth/child";
/// Gives a ticket with which a person may take the caller's temporary account over while signing in at the
/// pages (`POST`).
pub const UPGRADE_TICKET: &str = "/api/v1/auth/upgrade-ticket";
/// Mails a code to sign up with (`POST`).
pub const SIGNUP_REQUEST: &str = "/api/v1/auth/signup-request";
/// Takes the code: makes user, organization and key (`POST`).
pub const SIGNUP_COMPLETE: &str = "/api/v1/auth/signup-complete";
/// Mails a code to sign in with (`POST`).
pub const LOGIN_REQUEST: &str = "/api/v1/auth/login-request";
/// Takes the code: makes a key in one of the user's organizations (`POST`).
pub const LOGIN_COMPLETE: &str = "/api/v1/auth/login-complete";
/// The organizations of the caller's user (`GET`); makes one (`POST`).
pub const ORGANIZATIONS: &str = "/api/v1/organizations";
/// The organization that the caller's token acts in (`GET`, `PATCH`, `DELETE`); `{id}` is its id.
pub const ORGANIZATION: &str = "/api/v1/organizations/{id}";
/// Its members (`GET`).
pub const MEMBERS: &str = "/api/v1/organizations/{id}/members";
/// One of them (`PATCH`, `DELETE`; whoever deletes itself leaves); `{user}` is the user's id.
pub const MEMBER: &str = "/api/v1/organizations/{id}/members/{user}";
/// Its open invitations (`GET`); invites a mailbox (`POST`).
pub const ORGANIZATION_INVITATIONS: &str = "/api/v1/organizations/{id}/invitations";
/// Makes a service account in it (`POST`).
pub const SERVICE_ACCOUNTS: &str = "/api/v1/organizations/{id}/service-accounts";
/// The open invitations of the caller's mailbox (`GET`).
pub const INVITATIONS: &str = "/api/v1/invitations";
/// An invitation, withdrawn by its organization or declined by its mailbox (`DELETE`); `{id}` is its id.
pub const INVITATION: &str = "/api/v1/invitations/{id}";
/// Accepts an invitation (`POST`).
pub const ACCEPT_INVITATION: &str = "/api/v1/invitations/{id}/accept";
/// Who is calling (`GET`).
pub const WHOAMI: &str = "/api/v1/whoami";
/// API keys (`GET`, `POST`).
pub const KEYS: &str = "/api/v1/keys";
/// One API key (`GET`, `PATCH`, `DELETE`); `{id}` is its id.
pub const KEY: &str = "/api/v1/keys/{id}";
/// Puts a new key in the place of one (`POST`).
pub const ROTATE: &str = "/api/v1/keys/{id}/rotate";
/// Request records, newest first (`GET`).
pub const REQUESTS: &str = "/api/v1/requests";
/// One request record with what explains it (`GET`); `{id}` is its id.
pub const REQUEST: &str = "/api/v1/requests/{id}";
/// The providers behind the gateway, and whether they can be reached now (`GET`).
pub const PROVIDERS: &str = "/api/v1/providers";
/// Usage summed by day and model (`GET`).
pub const USAGE: &str = "/api/v1/usage";
/// The models of all providers (`GET`).
pub const MODELS: &str = "/api/v1/models";
/// Makes the caller an administrator (`POST`).
pub const CLAIM: &str = "/api/v1/admin/claim";
/// Proves which installation answers on a loopback address (`GET`).
pub const INSTANCE: &str = "/api/v1/instance";
/// The process lives (`GET`).
pub const HEALTHZ: &str = "/healthz";
/// The process can serve (`GET`).
pub const READYZ: &str = "/readyz";
/// Prometheus metrics, on the operations listener only (`GET`).
pub const METRICS: &str = "/metrics";
/// How an agent signs itself up here, in Markdown for agents (`GET`).
pub const AUTH_GUIDE: &str = "/auth.md";
/// The OpenAPI description of all this (`GET`).
pub const OPENAPI: &str = "/openapi.json";

/// All of them. The description of the API has each, but for the metrics of the operations listener.
pub const ALL: &[&str] = &[
    TEMPORARY,
    CHILD,
    UPGRADE_TICKET,
    SIGNUP_REQUEST,
    SIGNUP_COMPLETE,
    LOGIN_REQUEST,
    LOGIN_COMPLETE,
    ORGANIZATIONS,
    ORGANIZATION,
    MEMBERS,
    MEMBER,
    ORGANIZATION_INVITATIONS,
    SERVICE_ACCOUNTS,
    INVITATIONS,
    INVITATION,
    ACCEPT_INVITATION,
    WHOAMI,
    KEYS,
    KEY,
    ROTATE,
    REQUESTS,
    REQUEST,
    PROVIDERS,
    USAGE,
    MODELS,
    CLAIM,
    INSTANCE,
    HEALTHZ,
    READYZ,
    METRICS,
    AUTH_GUIDE,
    OPENAPI,
];

/// The path of the record with that id.
pub fn request(id: crate::RequestId) -> String {
    format!("{REQUESTS}/{id}")
}

/// The path of the key with that id.
pub fn key(id: crate::KeyId) -> String {
    format!("{KEYS}/{id}")
}

/// The path of the organization with that id.
pub fn organization(id: crate::OrganizationId) -> String {
    format!("{ORGANIZATIONS}/{id}")
}

/// The path of the members of the organization with that id.
pub fn members(id: crate::OrganizationId) -> String {
    format!("{ORGANIZATIONS}/{id}/members")
}

/// The path of one of them.
pub fn member(id: crate::OrganizationId, user: crate::UserId) -> String {
    format!("{ORGANIZATIONS}/{id}/members/{user}")
}

/// The path of the invitations into the organization with that id.
pub fn organization_invitations(id: crate::OrganizationId) -> String {
    format!("{ORGANIZATIONS}/{id}/invitations")
}

/// The path at which service accounts of the organization with that id are made.
pub fn service_accounts(id: crate::OrganizationId) -> String {
    format!("{ORGANIZATIONS}/{id}/service-accounts")
}

/// The path of the invitation with that id.
pub fn invitation(id: crate::InvitationId) -> String {
    format!("{INVITATIONS}/{id}")
}

/// The path at which the invitation with that id is accepted.
pub fn accept_invitation(id: crate::InvitationId) -> String {
    format!("{INVITATIONS}/{id}/accept")
}

/// The path at which the key with that id is rotated.
pub fn rotate(id: crate::KeyId) -> String {
    format!("{KEYS}/{id}/rotate")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_has_every_path_of_this_file() {
        let defined = include_str!("routes.rs").matches("\npub const ").count() - 1;
        assert_eq!(super::ALL.len(), defined);
    }
}
