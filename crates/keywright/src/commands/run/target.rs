//! Where a program's calls go: to a server, to the gateway of a run that this one is inside of, or to a
//! gateway in this process.

use std::convert::Infallible;

use clap::Args;
use keywright_client::{ChildToken, Client, ClientError, PlainText, ServerUrl};
use keywright_credentials::Environment;
use keywright_credentials::launch::{Agent, Removal, conceal_process};
use keywright_protocol::Exit;
use keywright_protocol::wire::CreateChild;
use keywright_providers::Dialect;
use keywright_secret::Secret;
use keywright_server::local::{LocalGateway, LocalListener, LocalSetup};

use crate::commands::serve::not_started;
use crate::context::Context;
use crate::error::CommandError;
use crate::local::{Found, OUTER, OUTER_ENDED, describe, key_variables, outer, withhold_keys};
use crate::output::Output;

use super::renewal::Renewal;

/// Which of them.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Uses no server: the gateway runs inside this command, with your own provider keys
    #[arg(long)]
    local: bool,
    /// Uses no server and no key: the built-in provider answers
    #[arg(long)]
    demo: bool,
}

/// Where the calls will go. Nothing is sent, made or started yet.
pub(crate) struct Target {
    url: ServerUrl,
    environment: Environment,
    way: Way,
}

enum Way {
    Server(Box<Client>),
    Outer(Secret),
    Local(Box<Local>),
}

/// A gateway in this process, with all that it needs to start.
struct Local {
    listener: LocalListener,
    found: Found,
    demo: bool,
    withheld: Vec<&'static str>,
}

/// The way there is open.
pub(crate) struct Opened {
    token: Secret,
    end: End,
}

enum End {
    Child { client: Box<Client>, renewal: Box<Renewal> },
    Outer,
    Gateway(Box<LocalGateway>),
}

impl Target {
    /// Chooses: the server that is named; else the one on the default address, if it proves that it is the
    /// user's; else the gateway of the run that this one is inside of; else one in this process, which
    /// cannot be `for_shell`.
    pub(crate) async fn choose(
        context: &Context,
        args: &TargetArgs,
        agents: &[Agent],
        for_shell: bool,
    ) -> Result<Self, CommandError> {
        if args.local || args.demo {
            if context.is_server_named_by_flag() {
                return Err(CommandError::usage(
                    "`--local` and `--demo` use no server, and `--server` names one",
                ));
            }
            return if for_shell { Err(needs_server()) } else { Self::local(context, args.demo, agents) };
        }
        let mut environment = context.environment.clone();
        if let Some(client) = context.find_server().await? {
            environment.remove(OUTER);
            return Ok(Self {
                url: client.server().clone(),
                environment,
                way: Way::Server(Box::new(client)),
            });
        }
        if let Some((url, token)) = outer(&context.environment).await {
            context.output.say(&format!(
                "This is inside another `keywright run`, so the program uses the gateway of that one, {url}."
            ));
            return Ok(Self { url, environment, way: Way::Outer(token) });
        }
        if for_shell {
            return Err(needs_server());
        }
        if let Some(place) = context.named_credential() {
            context
                .output
                .warn(&format!("{} is not used: it is for a server, and none is in use.", place.describe()));
        }
        Self::local(context, false, agents)
    }

    fn local(context: &Context, demo: bool, agents: &[Agent]) -> Result<Self, CommandError> {
        let found = match demo {
            true => Found { providers: Vec::new(), unused: Vec::new() },
            false => Found::look(&context.paths, &context.environment)?,
        };
        found.unused.iter().for_each(|why| context.output.warn(why));
        let dialects = dialects(agents);
        if !demo && !found.serves(dialects) {
            return Err(no_key(context, dialects, &found));
        }
        let listener = LocalListener::bind().map_err(|error| not_started(&error))?;
        let url = ServerUrl::parse(&listener.url(), PlainText::LoopbackOnly).map_err(|error| {
            CommandError::new(Exit::Defect, "INTERNAL", "the gateway has no address").because(&error)
        })?;
        let mut environment = context.environment.clone();
        let withheld = withhold_keys(&mut environment);
        environment.set(OUTER, url.to_string());
        let local = Local { listener, found, demo, withheld };
        Ok(Self { url, environment, way: Way::Local(Box::new(local)) })
    }

    /// The address that the program is given.
    pub(crate) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// The environment of the program, before what its own recipe changes in it.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// A token for a shell, which nothing in this process must outlive.
    pub(crate) async fn for_shell(self, context: &Context) -> Result<ChildToken, CommandError> {
        match self.way {
            Way::Server(_) => child(context).await.map(|(_, child)| child),
            Way::Outer(_) | Way::Local(_) => Err(needs_server()),
        }
    }

    /// Gets the token for the program, and starts what must run while it does. `removed` is what its recipe
    /// takes out of its environment.
    pub(crate) async fn open(
        self,
        context: &Context,
        removed: &[&'static Removal],
    ) -> Result<Opened, CommandError> {
        let Self { url, way, .. } = self;
        // The program gets less than this process has: provider keys, or the token that its own is made by.
        conceal_process();
        match way {
            Way::Server(client) => {
                let (parent, child) = child(context).await?;
                context.output.say_more(&format!(
                    "The program uses {url} with a token that ends {}, and is renewed until the program ends.",
                    child.expires_at
                ));
                let client = Box::new(client.with_token(child.token.clone()));
                let renewal = Renewal::new(parent, child.token.clone(), child.expires_at);
                Ok(Opened { token: child.token, end: End::Child { client, renewal: Box::new(renewal) } })
            }
            Way::Outer(token) => Ok(Opened { token, end: End::Outer }),
            Way::Local(local) => local.open(context, removed).await,
        }
    }
}

/// A token for the program, and a client with the one that it is a child of.
async fn child(context: &Context) -> Result<(Client, ChildToken), CommandError> {
    let made = context.call("getting a token for the program", async |client| {
        Ok((client.clone(), client.child(&CreateChild::default()).await?))
    });
    made.await
}

impl Local {
    async fn open(self, context: &Context, removed: &[&'static Removal]) -> Result<Opened, CommandError> {
        let Self { listener, found, demo, withheld } = self;
        let described: Vec<String> = match demo {
            true => vec!["the built-in provider demo, which needs no key".to_owned()],
            false => found.providers.iter().map(describe).collect(),
        };
        let setup = LocalSetup {
            providers: found.providers,
            demo,
            folder: context.paths.data.clone(),
            extra_ca: context.environment.text("KEYWRIGHT_TLS_EXTRA_CA").map(Into::into),
        };
        let gateway = listener.serve(setup).await.map_err(|error| not_started(&error))?;
        context.output.say(&format!("Local mode, no server: {}.", described.join("; ")));
        let names: Vec<&str> =
            withheld.into_iter().chain(removed.iter().map(|removal| removal.name)).collect();
        context.output.say(&match names.is_empty() {
            true => {
                "Nothing was taken out of the program's environment; its token ends with this run.".to_owned()
            }
            false => format!(
                "Taken out of the program's environment: {}; its token ends with this run.",
                names.join(", ")
            ),
        });
        context.output.say("To see its calls: keywright usage --local --requests");
        Ok(Opened { token: gateway.token().clone(), end: End::Gateway(Box::new(gateway)) })
    }
}

impl Opened {
    /// The token for the program.
    pub(crate) fn token(&self) -> &Secret {
        &self.token
    }

    /// Keeps the token alive. What has no end of its own needs nothing.
    pub(crate) async fn keep_up(&mut self) -> Infallible {
        match &mut self.end {
            End::Child { renewal, .. } => renewal.keep_up().await,
            End::Outer | End::Gateway(_) => std::future::pending().await,
        }
    }

    /// Ends the token, and what ran beside the program.
    pub(crate) async fn end(self, output: Output) {
        match self.end {
            End::Outer => {}
            End::Gateway(gateway) => gateway.stop().await,
            End::Child { client, renewal } => {
                if let Some(error) = &renewal.failure {
                    output.warn(&format!("The program's token could not be renewed: {error}."));
                }
                match client.end_child().await {
                    Ok(_) => {}
                    Err(error @ (ClientError::Unreachable { .. } | ClientError::NotOurs { .. })) => output
                        .warn(&format!("{error}. The program's token ends by itself, {}.", renewal.ends())),
                    // Its account may have ended before it, and the token with it.
                    Err(error) => output.say_more(&format!("Its token could not be ended now: {error}.")),
                }
            }
        }
    }
}

/// What an agent speaks, where that is known: it needs a provider of one of these.
fn dialects(agents: &[Agent]) -> &'static [Dialect] {
    match agents {
        [Agent::ClaudeCode] => &[Dialect::Anthropic],
        [Agent::Codex] => &[Dialect::OpenAi],
        [Agent::GeminiCli] => &[Dialect::Gemini],
        _ => &Dialect::ALL,
    }
}

fn needs_server() -> CommandError {
    CommandError::usage(
        "`--print-env` needs a server: the gateway of local mode ends with the run that it is in",
    )
    .hint("Start one with `keywright serve`.")
}

fn no_key(context: &Context, dialects: &[Dialect], found: &Found) -> CommandError {
    let variables: Vec<&str> = key_variables(dialects).collect();
    let place = context.paths.providers.display();
    let (why, first) = if found.unused.is_empty() {
        let why = format!("none of {} is set, and {place} has none", variables.join(", "));
        (why, format!("Set {}", variables.first().copied().unwrap_or_default()))
    } else {
        // A stored credential owns its provider, so setting a variable beside it would change nothing.
        let first = format!("Put right what is said above, or take its entry out of {place}");
        ("what there is cannot be used, as said above".to_owned(), first)
    };
    let message =
        format!("no server is in use, and no provider's key that the program could use was found: {why}");
    let error = CommandError::new(Exit::NotSignedIn, "NO_LOCAL_KEY", message).hint(format!(
        "{first}, or see it work without a key: `keywright run --demo -- PROGRAM`, or start a server: \
         `keywright serve`."
    ));
    match context.environment.text(OUTER) {
        Some(_) => error.hint(OUTER_ENDED),
        None => error,
    }
}
