//! Every SQL text is a constant in a list, so that one test can prepare all of them on both engines.

/// Names SQL texts, and lists them as `STATEMENTS`.
macro_rules! statements {
    ($($(#[$comment:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$comment])* const $name: &str = $sql;)+

        /// Every SQL text of this module.
        #[cfg(any(test, feature = "testing"))]
        pub(crate) const STATEMENTS: &[&str] = &[$($name),+];
    };
}
pub(crate) use statements;

/// Every SQL text that runs in the identity database, by module.
#[cfg(any(test, feature = "testing"))]
pub(crate) const IDENTITY: &[&[&str]] = &[
    crate::accounts::STATEMENTS,
    crate::callers::STATEMENTS,
    crate::cards::STATEMENTS,
    crate::claims::STATEMENTS,
    crate::completion::STATEMENTS,
    crate::essential::STATEMENTS,
    crate::generation::STATEMENTS,
    crate::invitations::STATEMENTS,
    crate::authorization_codes::STATEMENTS,
    crate::clients::STATEMENTS,
    crate::device_codes::STATEMENTS,
    crate::grants::STATEMENTS,
    crate::key_changes::STATEMENTS,
    crate::keys::STATEMENTS,
    crate::mail_codes::STATEMENTS,
    crate::mail_tries::STATEMENTS,
    crate::mailbox_facts::STATEMENTS,
    crate::master_key::STATEMENTS,
    crate::members::STATEMENTS,
    crate::mints::STATEMENTS,
    crate::oauth_tries::STATEMENTS,
    crate::records::MOVE_STATEMENTS,
    crate::organizations::STATEMENTS,
    crate::page_entrances::STATEMENTS,
    crate::page_sessions::STATEMENTS,
    crate::room::STATEMENTS,
    crate::services::STATEMENTS,
    crate::refreshes::STATEMENTS,
    crate::signing_keys::STATEMENTS,
    crate::sweep::STATEMENTS,
    crate::tokens::STATEMENTS,
    crate::upgrade::STATEMENTS,
    crate::upgrade_tickets::STATEMENTS,
];
