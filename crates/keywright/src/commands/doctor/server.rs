//! The server that counts: whether it answers, what its clock says, and whether it takes the credential.

use std::time::Duration;

use keywright_client::{Client, ClientError, DialError};
use keywright_credentials::{
    Candidates, ChosenServer, CredentialFile, Credentials, NotProven, ProfileName, Resolved, ServerSource,
    Settings, Source, prove, resolve,
};
use keywright_protocol::wire::{InstanceProof, WhoAmI};
use keywright_protocol::{Clock, Scope, SystemClock, Timestamp};
use keywright_secret::random_hex;
use tokio::time::timeout;

use super::finding::Finding;
use super::{Scene, local, providers};
use crate::absent::{self, SIGN_IN};
use crate::error::CommandError;

/// What was seen of it.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    pub(super) state: State,
}

/// Whether there is a server to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum State {
    /// It answers.
    Answers,
    /// It was named and cannot be reached.
    Unreachable,
    /// None was named, and none has proven itself.
    #[default]
    NoneInUse,
}

/// Asks it.
pub(super) async fn look(
    scene: &Scene,
    profile: &ProfileName,
    chosen: &ChosenServer,
    credentials: &Credentials,
) -> Seen {
    let reached = reach(scene, chosen).await;
    if chosen.source == ServerSource::Default
        && let Err(none) = reached
    {
        let mut findings = vec![none];
        findings.extend(local::look(scene).await);
        return Seen { findings, state: State::NoneInUse };
    }
    let (token, resolved) = token(scene, profile, chosen, credentials);
    match reached {
        Ok((client, mut findings)) => {
            findings.push(token);
            if is_due(scene, profile, chosen, credentials, resolved.as_ref()) {
                findings.push(Finding::ok(
                    "session",
                    "its token has ended; the next command that needs one gets another",
                ));
            } else if let Some(resolved) = resolved {
                let client = client.with_token(resolved.token);
                let (account, providers) = tokio::join!(account(&client, scene.now), providers::ask(&client));
                findings.extend(account);
                findings.extend(providers);
            }
            Seen { findings, state: State::Answers }
        }
        Err(failure) => Seen { findings: vec![failure, token], state: State::Unreachable },
    }
}

/// Whether the token of the session has ended. It is not refreshed here: nothing is changed, and whoever looks
/// gives up after a while.
fn is_due(
    scene: &Scene,
    profile: &ProfileName,
    chosen: &ChosenServer,
    credentials: &Credentials,
    used: Option<&Resolved>,
) -> bool {
    let entry = credentials.entry(profile, &chosen.url);
    let session = entry.and_then(|entry| entry.session.as_ref());
    used.is_some_and(|used| used.source == Source::Session)
        && session.is_some_and(|session| session.is_due(scene.now))
}

/// Has it answer, and prove itself where it must.
async fn reach(scene: &Scene, chosen: &ChosenServer) -> Result<(Client, Vec<Finding>), Finding> {
    let client = Client::new(&chosen.url).map_err(unreachable)?;
    let asked = SystemClock.now();
    let answer = async {
        if chosen.source == ServerSource::Default {
            prove(&client, &scene.paths.instance).await.map_err(unproven)
        } else {
            client.prove_instance(random_hex::<32>().expose()).await.map_err(unreachable)
        }
    };
    let Ok(answer) = timeout(PATIENCE, answer).await else {
        let message = format!("{} does not answer within {} s", chosen.url, PATIENCE.as_secs());
        return Err(Finding::problem("connection", message, NO_PROXY));
    };
    let InstanceProof { version, now, .. } = answer?;
    let proven = if chosen.source == ServerSource::Default { ", and has proven to be yours" } else { "" };
    let mut findings = vec![Finding::ok("connection", format!("answers, version {version}{proven}"))];
    let own = env!("CARGO_PKG_VERSION");
    if version != own {
        findings.push(Finding::warning(
            "version",
            format!("the server has version {version}, this command {own}"),
            "Install the same version on both sides if something does not fit.",
        ));
    }
    findings.extend(now.map(|now| clock(now, asked, SystemClock.now())));
    Ok((client, findings))
}

/// Holds its clock against ours, halfway between question and answer.
fn clock(theirs: Timestamp, asked: Timestamp, answered: Timestamp) -> Finding {
    let seconds = (theirs.0 - (asked.0 + answered.0) / 2) / 1000;
    if seconds.abs() <= MOST_SKEW_SECONDS {
        return Finding::ok("clock", "the server's and this machine's agree");
    }
    let direction = if seconds > 0 { "ahead of" } else { "behind" };
    Finding::problem(
        "clock",
        format!("the server's is {} s {direction} this machine's, so tokens end at odd times", seconds.abs()),
        "Set the one that is wrong; on this machine: `timedatectl set-ntp true`.",
    )
}

/// Which credential counts, and what it shadows.
fn token(
    scene: &Scene,
    profile: &ProfileName,
    chosen: &ChosenServer,
    credentials: &Credentials,
) -> (Finding, Option<Resolved>) {
    let entry = credentials.entry(profile, &chosen.url);
    let candidates = Candidates {
        flag: scene.global.api_key.as_ref(),
        environment: &scene.environment,
        stored: entry,
        now: scene.now,
    };
    match resolve(&candidates) {
        Err(error) => (Finding::failed("token", &CommandError::from(error), "Set another one."), None),
        Ok(Some(resolved)) => {
            let place = resolved.source.describe();
            let shadowed: Vec<&str> =
                resolved.shadowed.iter().map(|shadowed| shadowed.source.describe()).collect();
            let over = if shadowed.is_empty() {
                String::new()
            } else {
                format!("; shadows {}", shadowed.join(", "))
            };
            (Finding::ok("token", format!("{}… (from {place}){over}", resolved.hint)), Some(resolved))
        }
        Ok(None) => {
            let off = scene.global.no_temporary || scene.environment.switch("KEYWRIGHT_NO_TEMPORARY");
            let signed_out = entry.is_some_and(|entry| entry.signed_out);
            let file = CredentialFile::new(&scene.paths.credentials);
            let settings = Settings::read(&scene.paths.settings).unwrap_or_default();
            let lost = absent::lost(&settings, credentials, &file, profile, &chosen.url);
            let finding = match (off, signed_out, lost) {
                (false, false, Some(why)) => Finding::problem(
                    "token",
                    format!("none is set, and no temporary account is made: {why}"),
                    SIGN_IN,
                ),
                (false, false, None) => Finding::ok(
                    "token",
                    "none is set; the next command that needs one makes a temporary account",
                ),
                (true, _, _) => Finding::problem(
                    "token",
                    "none is set, and temporary accounts are switched off",
                    SET_TOKEN,
                ),
                (_, true, _) => Finding::problem("token", "none is set, and you have signed out", SET_TOKEN),
            };
            (finding, None)
        }
    }
}

/// Whether the server takes the credential, for how long and for what.
async fn account(client: &Client, now: Timestamp) -> Vec<Finding> {
    let who = match timeout(PATIENCE, client.whoami()).await {
        Ok(Ok(who)) => who,
        Ok(Err(error)) => return vec![Finding::failed("account", &CommandError::from(error), SET_TOKEN)],
        Err(_) => {
            return vec![Finding::problem(
                "account",
                "the server answers, but not to the question whose token this is",
                "Look into the server's log: its database may not answer.",
            )];
        }
    };
    vec![expiry(&who, now), scopes(&who)]
}

fn expiry(who: &WhoAmI, now: Timestamp) -> Finding {
    let kind = if who.temporary { " (temporary)" } else { "" };
    let user = format!("{}{kind}", who.account.user_id);
    match who.expires_at {
        None => Finding::ok("account", format!("{user}; the token never ends")),
        Some(end) if end > now.plus_seconds(SOON_SECONDS) => {
            Finding::ok("account", format!("{user}; the token ends {end}"))
        }
        Some(end) => Finding::warning("account", format!("{user}; the token ends soon, {end}"), SET_TOKEN),
    }
}

fn scopes(who: &WhoAmI) -> Finding {
    if !who.scopes.contains(Scope::ModelsUse) {
        return Finding::problem(
            "scopes",
            format!("the token lacks `{}`, so it can call no model", Scope::ModelsUse),
            "Make one that can: `keywright tokens create -n NAME --scope models:use`.",
        );
    }
    if !who.scopes.contains(Scope::ExecutionsRead) {
        return Finding::ok(
            "scopes",
            format!("models can be called; `usage` and `why` need `{}` as well", Scope::ExecutionsRead),
        );
    }
    Finding::ok("scopes", "models can be called, and records read")
}

/// No server needs to be there; but what is there instead surprises.
fn unproven(error: NotProven) -> Finding {
    match error {
        NotProven::NeverServed | NotProven::NothingThere(_) => Finding::ok("connection", error.to_string()),
        _ => {
            let error = CommandError::from(error);
            Finding::warning("connection", error.with_causes(), error.hints().join(" "))
        }
    }
}

fn unreachable(error: ClientError) -> Finding {
    let mend = match &error {
        ClientError::Unreachable { source, .. } => match source {
            DialError::Unresolved => {
                "Check the name in the address, and whether this machine resolves other names."
            }
            DialError::Tls(_) => {
                "Check its certificate and the name in the address: it must be valid for that name."
            }
            DialError::TimedOut | DialError::Broken | DialError::TooLong => NO_PROXY,
            DialError::Connect(_) | DialError::Forbidden => {
                "Start it with `keywright serve`, or check host and port of the address."
            }
        },
        _ => return Finding::failed("connection", &CommandError::from(error), "Check the address."),
    };
    let failed = CommandError::from(error);
    let causes = std::iter::once(failed.message()).chain(failed.causes().iter().map(String::as_str));
    Finding::problem("connection", causes.collect::<Vec<_>>().join(": "), mend)
}

const NO_PROXY: &str = "Check network and firewall between here and there. Keywright connects directly, whatever HTTPS_PROXY says.";
const SET_TOKEN: &str =
    "Set KEYWRIGHT_API_KEY to a token of this server: `keywright tokens create -n NAME` makes one.";
const PATIENCE: Duration = Duration::from_secs(4);
const MOST_SKEW_SECONDS: i64 = 30;
const SOON_SECONDS: i64 = 600;
