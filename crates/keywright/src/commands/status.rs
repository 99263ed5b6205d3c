//! `keywright status`: which server, which credential and what that shadows, and what `run` does where there
//! is no server. Makes no account, refreshes a session at most, notes nothing but names that have changed, and
//! succeeds whatever it finds.

mod credential;

use keywright_credentials::ServerSource;
use keywright_protocol::wire::WhoAmI;
use keywright_server::config::ProviderSettings;
use serde::Serialize;

use credential::{CredentialStatus, warnings};

use crate::caution;
use crate::context::Context;
use crate::error::CommandError;
use crate::keeping;
use crate::local::{Found, Serverless, describe};
use crate::spinner::Spinner;
use crate::table::printable;

/// Looks and prints.
pub(crate) async fn status(context: &Context) -> Result<(), CommandError> {
    let status = Status::look(context).await;
    if let Some(who) = &status.account {
        keeping::caller(context, who);
        caution::caller(context, who);
    }
    context.output.data(&status, || status.describe())
}

/// Where things stand.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    profile: String,
    profile_source: &'static str,
    /// The organization that is acted in, as the server says, or else as it was when the key was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<OrganizationStatus>,
    server: ServerStatus,
    /// What `run` does in place of a server, where none is in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    local_mode: Option<LocalStatus>,
    /// The credential that counts, if one is set and can be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<CredentialStatus>,
    /// What is wrong with the credential: in itself, or as the server sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_problem: Option<String>,
    /// Whose it is, if the server takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<WhoAmI>,
    #[serde(skip)]
    profile_place: &'static str,
    /// Whether nothing is sent but what a command is there for.
    essential_traffic_only: bool,
    /// Whether somebody has signed out, so that no temporary account is made.
    signed_out: bool,
    /// A sentence for each credential that is shadowed, cannot be used or is refused.
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct OrganizationStatus {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServerStatus {
    url: String,
    source: &'static str,
    reachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_action: Option<String>,
    #[serde(skip)]
    place: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocalStatus {
    /// The address of the gateway of the run that this is inside of, which is used then.
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<String>,
    providers: Vec<LocalProvider>,
    /// What was found and is not used, and why.
    unused: Vec<String>,
    /// Why `run` would not start.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip)]
    description: String,
    #[serde(skip)]
    lacks_a_provider: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocalProvider {
    name: String,
    hint: String,
    /// Where the key is: a variable or a file.
    source: String,
    base_url: String,
    #[serde(skip)]
    description: String,
}

impl Status {
    /// Looks at files, environment and, if it is there, the server.
    pub(crate) async fn look(context: &Context) -> Self {
        let _spinner = Spinner::start("asking the server");
        let reached = reach(context).await;
        let (resolved, mut credential_problem) = match context.credential() {
            Ok(resolved) => (resolved, None),
            Err(error) => (None, Some(error.message().to_owned())),
        };
        let mut account = None;
        if let (Ok(client), Some(resolved)) = (&reached, &resolved) {
            match context.signed_in(client, resolved).whoami().await {
                Ok(who) => account = Some(who),
                Err(error) => credential_problem = Some(error.to_string()),
            }
        }
        let problem = reached.err();
        let stored = context.stored().unwrap_or_default();
        let entry = stored.entry(&context.profile, &context.server.url);
        let credential = resolved.map(|resolved| CredentialStatus::of(resolved, entry));
        let warnings = warnings(credential.as_ref(), credential_problem.as_deref());
        let serverless = problem.is_some() && context.server.source == ServerSource::Default;
        let local_mode = match serverless {
            true => Some(LocalStatus::look(context).await),
            false => None,
        };
        Self {
            local_mode,
            profile: context.profile.to_string(),
            profile_source: context.profile_source.as_str(),
            profile_place: context.profile_source.describe(),
            organization: OrganizationStatus::of(context, account.as_ref()),
            server: ServerStatus {
                url: context.server.url.to_string(),
                source: context.server.source.as_str(),
                place: context.server.source.describe(),
                reachable: problem.is_none(),
                next_action: problem.as_ref().and_then(|error| error.hints().first().cloned()),
                problem: problem.map(|error| error.message().to_owned()),
            },
            essential_traffic_only: context.is_essential_traffic_only(),
            signed_out: entry.is_some_and(|entry| entry.signed_out),
            credential,
            credential_problem,
            account,
            warnings,
        }
    }

    /// Whether the server takes the credential.
    pub(crate) fn is_accepted(&self) -> bool {
        self.account.is_some()
    }

    /// What to do about the server, if something.
    pub(crate) fn next_action(&self) -> Option<&str> {
        self.server.next_action.as_deref()
    }

    /// What to do where no server is in use.
    pub(crate) fn next_local_action(&self) -> Option<&'static str> {
        let local = self.local_mode.as_ref()?;
        Some(if local.problem.is_some() {
            "Mend what `run` stumbles over, or start a server: `keywright serve`."
        } else if local.lacks_a_provider {
            "See a call work without any key: `keywright run --demo -- claude -p hi`. Then set a provider's key, \
             ANTHROPIC_API_KEY for instance, or start a server: `keywright serve`."
        } else {
            "Start an agent with `keywright run -- claude`; no server is needed. For accounts and keys of your \
             own: `keywright serve`."
        })
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        let mut lines = vec![format!("server      {} (from {})", self.server.url, self.server.place)];
        lines.push(match &self.server.problem {
            None => "            answers".to_owned(),
            Some(problem) => format!("            {problem}"),
        });
        if let Some(local) = &self.local_mode {
            lines.extend(local.describe());
        }
        lines.push(format!("profile     {} (from {})", self.profile, self.profile_place));
        if let Some(organization) = &self.organization {
            let name = organization.name.as_deref().map(printable).unwrap_or_default();
            lines.push(format!("            in {} {name}", organization.id).trim_end().to_owned());
        }
        match &self.credential {
            Some(credential) => {
                lines.push(format!("credential  {}… (from {})", credential.hint, credential.place));
                lines.extend(credential.whose());
                lines.extend(
                    credential.shadowed.iter().map(|shadowed| format!("            {}", shadowed.words())),
                );
            }
            None if self.signed_out => {
                lines.push("credential  none: signed out; `keywright login` signs in".to_owned());
            }
            None => lines.push("credential  none".to_owned()),
        }
        if self.local_mode.is_some() && self.credential.is_some() {
            lines.push("            is for a server; a local run does not use it".to_owned());
        }
        if let Some(problem) = &self.credential_problem {
            lines.push(format!("            {problem}"));
        }
        if let Some(who) = &self.account {
            let kind = if who.temporary { " (temporary)" } else { "" };
            lines.push(format!("account     {}{kind}", who.account.user_id));
            let (email, role) = (who.email.as_deref().map(printable), who.role.map(|role| role.to_string()));
            let known: Vec<String> = email.into_iter().chain(role).collect();
            if !known.is_empty() {
                lines.push(format!("            {}", known.join(", ")));
            }
            if let Some(end) = who.expires_at {
                let session = self.credential.as_ref().is_some_and(CredentialStatus::is_session);
                let renewed = if session { "; a session is refreshed before that" } else { "" };
                lines.push(format!("            ends {end}{renewed}"));
            }
        }
        let marked = self.account.as_ref().map(|who| who.essential_traffic_only);
        match (self.essential_traffic_only, marked) {
            (true, Some(false)) => lines.push(
                "traffic     essential only here; the account is not marked yet: `keywright login` marks it"
                    .to_owned(),
            ),
            (true, _) => lines.push("traffic     essential only".to_owned()),
            (false, Some(true)) => {
                lines.push("traffic     the server captures no content of this account".to_owned());
            }
            (false, _) => {}
        }
        lines.join("\n")
    }
}

impl OrganizationStatus {
    fn of(context: &Context, account: Option<&WhoAmI>) -> Option<Self> {
        if let Some(who) = account {
            let name = Some(who.organization_name.clone());
            return Some(Self { id: who.account.organization_id.to_string(), name });
        }
        let profile = context.settings.profiles.get(context.profile.as_str())?;
        Some(Self { id: profile.organization_id.clone()?, name: profile.organization_name.clone() })
    }
}

impl LocalStatus {
    async fn look(context: &Context) -> Self {
        let looked = Serverless::look(&context.paths, &context.environment).await;
        let (description, problem) = match &looked {
            Ok(serverless) => (serverless.describe(), None),
            Err(error) => (error.with_causes(), Some(error.with_causes())),
        };
        let lacks_a_provider = looked.as_ref().is_ok_and(Serverless::lacks_a_provider);
        let (gateway, found) = match looked {
            Ok(Serverless::Inside(url)) => (Some(url.to_string()), None),
            Ok(Serverless::Own(found)) => (None, Some(found)),
            Err(_) => (None, None),
        };
        let Found { providers, unused } = found.unwrap_or_default();
        let providers = providers.iter().map(LocalProvider::of).collect();
        Self { gateway, providers, unused, problem, description, lacks_a_provider }
    }

    fn describe(&self) -> Vec<String> {
        let mut lines = vec![format!("run         local mode, without a server: {}", self.description)];
        lines.extend(self.providers.iter().map(|provider| format!("            {}", provider.description)));
        lines.extend(self.unused.iter().map(|why| format!("            {why}")));
        lines
    }
}

impl LocalProvider {
    fn of(provider: &ProviderSettings) -> Self {
        Self {
            name: provider.name.clone(),
            hint: provider.keys.first().map(|key| key.secret.hint()).unwrap_or_default(),
            source: provider.source.to_string(),
            base_url: provider.base_url.to_string(),
            description: describe(provider),
        }
    }
}

async fn reach(context: &Context) -> Result<keywright_client::Client, CommandError> {
    let client = context.connect().await?;
    // The default server has just proven itself, which is more.
    if context.server.source != ServerSource::Default {
        client.healthz().await?;
    }
    Ok(client)
}
