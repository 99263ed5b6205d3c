//! `keywright serve`: the server, in the foreground.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use keywright_protocol::{Exit, SystemClock};
use keywright_server::config::{Config, KEYS, Key, Kind, Source, process_environment};
use keywright_server::{Server, StartError, logging};
use tokio::signal::unix::{SignalKind, signal};

use crate::error::CommandError;
use crate::output::Output;

/// The flags of `serve`: one for each setting of the server.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    settings: ServerSettings,
}

/// The server's settings, as flags. The server's own table says which there are.
#[derive(Debug, Default)]
pub(crate) struct ServerSettings {
    file: Option<PathBuf>,
    flags: BTreeMap<String, String>,
}

impl ServerSettings {
    /// Reads flags, environment and file together. Warnings are printed, problems all at once.
    pub(crate) fn load(&self, insecure: bool, output: Output) -> Result<Config, CommandError> {
        let mut flags = self.flags.clone();
        if insecure {
            flags.insert("insecure".to_owned(), "true".to_owned());
        }
        match Config::load(&flags, &process_environment(), self.file.clone()) {
            Ok((config, warnings)) => {
                warnings.iter().for_each(|warning| output.warn(&warning.to_string()));
                Ok(config)
            }
            Err(problems) => {
                let count = problems.len();
                let noun = if count == 1 { "problem" } else { "problems" };
                let error = CommandError::new(
                    Exit::User,
                    "CONFIGURATION_INVALID",
                    format!("the configuration has {count} {noun}"),
                );
                Err(problems.iter().fold(error, |error, problem| error.because(problem)))
            }
        }
    }
}

/// Serves until a signal ends it.
pub(crate) fn serve(args: &ServeArgs, insecure: bool, output: Output) -> Result<u8, CommandError> {
    let config = args.settings.load(insecure, output)?;
    logging::start(config.log_format, process_environment().get("RUST_LOG").map(String::as_str));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONTROL_THREADS)
        .thread_name("keywright-control")
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::new(Exit::User, "SYSTEM", "the system gives no threads to serve with")
                .because(&error)
        })?;
    runtime
        .block_on(async {
            // Listened for before anything is promised to anybody.
            let mut signals = Signals::new()?;
            let server =
                Server::start(&config, Arc::new(SystemClock)).await.map_err(|error| not_started(&error))?;
            greet(&server, &config, output);
            signals.next().await;
            output.say("Stopping: running calls may end. A second signal ends them at once.");
            tokio::select! {
                () = server.stop() => Ok(Exit::Ok as u8),
                code = signals.next() => Ok(code),
            }
        })
        .inspect(|code| {
            if *code != Exit::Ok as u8 {
                // The runtime would wait for what is running; the second signal means now.
                std::process::exit(i32::from(*code));
            }
        })
}

/// Why a server, or a tool beside it, does not start.
pub(crate) fn not_started(error: &StartError) -> CommandError {
    let failed = CommandError::new(Exit::User, "NOT_STARTED", error.to_string());
    let failed = match error.source() {
        // The sentence has the first cause in it already.
        Some(source) => source.source().map_or_else(
            || CommandError::new(Exit::User, "NOT_STARTED", error.to_string()),
            |deeper| failed.because(deeper),
        ),
        None => failed,
    };
    if matches!(error, StartError::Listen { .. }) {
        return failed.hint(
            "Stop what listens there, or choose another address: `--listen`, and `--operations-listen` for the \
             metrics.",
        );
    }
    failed
}

/// Says where it listens and what to do first.
fn greet(server: &Server, config: &Config, output: Output) {
    let url = server.public_url().as_str().trim_end_matches('/');
    output.say(&format!("Keywright listens on {url}"));
    let names: Vec<&str> = config
        .providers
        .iter()
        .map(|provider| provider.name.as_str())
        .chain(config.demo.then_some("demo"))
        .collect();
    if names.is_empty() {
        output.warn(
            "no provider is configured, so no model can be called. Set a provider's key variable \
             (ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY, ...), or try `--demo`.",
        );
    } else {
        output.say(&format!("Providers: {}", names.join(", ")));
    }
    if let Some(claim) = server.claim() {
        // The code is for eyes, not for a log that standard error may lead to.
        let code = if stderr().is_terminal() { claim.code.expose() } else { "CODE" };
        output.say(&format!("To become its administrator: keywright admin claim {code}"));
        output.say(&format!("  (the code is in {})", claim.file.display()));
    }
    if let Some(operations) = server.operations() {
        output.say(&format!("Metrics are at http://{operations}/metrics"));
    }
    // Without a server named, the command line looks at the usual address and data folder.
    let usual = server.address().to_string()
        == Key::of("listen").and_then(|key| key.default).unwrap_or_default()
        && !config.sources().iter().any(|set| set.path == "data_dir" && set.source != Source::Default);
    let named = if usual { String::new() } else { format!("--server {url} ") };
    output.say(&format!("Next, in another terminal: keywright {named}run -- claude"));
}

/// The signals that end a server.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, CommandError> {
        let listen = |kind| {
            signal(kind).map_err(|error| {
                CommandError::new(Exit::User, "SYSTEM", "signals cannot be listened for").because(&error)
            })
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for one; the code with which a shell would report it.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => 128 + 15,
            _ = self.interrupt.recv() => 128 + 2,
        }
    }
}

impl Args for ServerSettings {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(CONFIG)
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("The settings file, in TOML; see docs/guides/operations.md");
        settings().fold(command.arg(file), |command, (path, kind, doc, default)| {
            let help = match default {
                Some(default) if !default.is_empty() => format!("{doc} [default: {default}]"),
                _ => doc.to_owned(),
            };
            let arg = Arg::new(path)
                .long(flag(path))
                .value_name(value_name(kind))
                .help(help)
                .help_heading("Settings");
            command.arg(if kind == Kind::Switch {
                arg.num_args(0..=1).require_equals(true).default_missing_value("true")
            } else {
                arg
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServerSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flags = settings()
            .filter_map(|(path, ..)| Some((path.to_owned(), matches.get_one::<String>(path)?.clone())))
            .collect();
        Ok(Self { file: matches.get_one::<PathBuf>(CONFIG).cloned(), flags })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The settings that are flags of their own: `insecure` is one of every command, and what a later
/// version brings is not offered.
fn settings() -> impl Iterator<Item = (&'static str, Kind, &'static str, Option<&'static str>)> {
    KEYS.iter()
        .filter(|key| key.path != "insecure" && !key.later)
        .map(|key| (key.path, key.kind, key.doc, key.default))
}

fn flag(path: &str) -> String {
    path.replace(['.', '_'], "-")
}

fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Address | Kind::AddressOrOff => "ADDRESS",
        Kind::Origin => "URL",
        Kind::Hosts => "HOSTS",
        Kind::Networks => "NETWORKS",
        Kind::Path => "PATH",
        Kind::Database => "DATABASE",
        Kind::Switch => "BOOL",
        Kind::Duration => "DURATION",
        Kind::Size => "SIZE",
        Kind::Count(_) => "NUMBER",
        Kind::Word(_) => "WORD",
        Kind::MailServer => "URL",
        Kind::Sender => "MAILBOX",
        Kind::MailDomains => "DOMAINS",
        Kind::Urls => "URLS",
    }
}

const CONFIG: &str = "config";
/// Store, API and jobs; model calls have threads of their own.
const CONTROL_THREADS: usize = 2;
