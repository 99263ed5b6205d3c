//! What a command works with: paths, settings, the server and the credential that count.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keywright_client::{Client, ClientError, PlainText};
use keywright_credentials::{
    Candidates, ChosenProfile, ChosenServer, CredentialFile, Credentials, Environment, Outcome, Paths,
    ProfileName, ProfileSource, Resolved, ServerSource, SessionTokens, Settings, SettingsFile, Source,
    Standing, choose_profile, choose_server, note_account_end, prove, provision, resolve,
};
use keywright_protocol::{Clock, ErrorCode, Exit, SystemClock, Timestamp};
use keywright_secret::Secret;

use crate::absent::{self, SIGN_IN, dead};
use crate::arguments::Global;
use crate::caution;
use crate::error::CommandError;
use crate::output::Output;
use crate::spinner::Spinner;

/// Everything that flags, environment and files say together. Nothing has been sent yet.
pub(crate) struct Context {
    /// Where to print.
    pub(crate) output: Output,
    /// The environment.
    pub(crate) environment: Environment,
    /// Where the files lie.
    pub(crate) paths: Paths,
    /// The profile that counts.
    pub(crate) profile: ProfileName,
    /// Where it is named.
    pub(crate) profile_source: ProfileSource,
    /// The server that counts.
    pub(crate) server: ChosenServer,
    /// The settings as they were read.
    pub(crate) settings: Settings,
    /// Where the settings are.
    pub(crate) settings_file: SettingsFile,
    /// Where the credentials are.
    pub(crate) credential_file: CredentialFile,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    flag: Option<Secret>,
    no_temporary: bool,
    cautioned: AtomicBool,
}

impl Context {
    /// Reads environment and settings, and chooses profile and server.
    pub(crate) fn new(global: Global, output: Output) -> Result<Self, CommandError> {
        Self::choose(global, output, false)
    }

    /// The same for what stores a credential under a profile that it chooses itself: it mends an active one
    /// that is not there.
    pub(crate) fn signing_in(global: Global, output: Output) -> Result<Self, CommandError> {
        Self::choose(global, output, true)
    }

    fn choose(global: Global, output: Output, signing_in: bool) -> Result<Self, CommandError> {
        let environment = Environment::of_process();
        let paths = Paths::of(&environment)?;
        let settings = Settings::read(&paths.settings)?;
        let ChosenProfile { name: profile, source: profile_source } =
            choose_profile(global.profile.as_ref(), &environment, &settings)?;
        let plain_text = if global.insecure { PlainText::Anywhere } else { PlainText::LoopbackOnly };
        let server = choose_server(global.server.as_deref(), &environment, &settings, &profile, plain_text)?;
        let no_temporary = global.no_temporary || environment.switch("KEYWRIGHT_NO_TEMPORARY");
        if global.api_key.is_some() {
            output.warn(
                "--api-key can be seen in the list of processes by every user of this machine; \
                 KEYWRIGHT_API_KEY cannot.",
            );
        }
        let mut context = Self {
            output,
            settings_file: SettingsFile::new(&paths.settings),
            credential_file: CredentialFile::new(&paths.credentials),
            environment,
            paths,
            profile,
            profile_source,
            server,
            settings,
            flag: global.api_key,
            no_temporary,
            cautioned: AtomicBool::new(false),
            clock: Arc::new(SystemClock),
        };
        context.settle_profile(signing_in)?;
        context.output.say_more(&format!(
            "Using the profile {} (from {}) and the server {} (from {}).",
            context.profile,
            context.profile_source.describe(),
            context.server.url,
            context.server.source.describe()
        ));
        Ok(context)
    }

    /// A name that was mistyped must not quietly become a new profile, nor one for another server get an
    /// account of this one.
    fn settle_profile(&mut self, signing_in: bool) -> Result<(), CommandError> {
        if self.profile == ProfileName::default() {
            return Ok(());
        }
        let (profile, url) = (&self.profile, &self.server.url);
        match profile.standing(&self.settings, &self.stored()?, url) {
            Standing::Usable => return Ok(()),
            Standing::Unknown if !signing_in || self.profile_source == ProfileSource::Flag => {
                return Err(match self.profile_source {
                    ProfileSource::Flag => unknown_profile(profile),
                    place => unknown_profile_of(profile, place),
                });
            }
            Standing::Unknown => {}
            Standing::Elsewhere => self.output.say_more(&format!(
                "The profile {profile} is for another server than {url}, so it is not used."
            )),
        }
        self.profile = ProfileName::default();
        self.profile_source = ProfileSource::Default;
        Ok(())
    }

    /// Now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is stored.
    pub(crate) fn stored(&self) -> Result<Credentials, CommandError> {
        let opened = self.credential_file.read(self.clock.as_ref())?;
        self.report_set_aside(opened.set_aside.as_deref());
        Ok(opened.credentials)
    }

    /// The credential that counts, if any is set. Makes none.
    pub(crate) fn credential(&self) -> Result<Option<Resolved>, CommandError> {
        let stored = self.stored()?;
        let entry = stored.entry(&self.profile, &self.server.url);
        let candidates = Candidates {
            flag: self.flag.as_ref(),
            environment: &self.environment,
            stored: entry,
            now: self.now(),
        };
        let resolved = resolve(&candidates)?;
        if let Some(resolved) = &resolved
            && !self.cautioned.swap(true, Ordering::Relaxed)
        {
            let key = entry.and_then(|entry| entry.api_key.as_ref());
            caution::credential(self, resolved, key);
        }
        Ok(resolved)
    }

    /// Whether nothing is to be sent but what a command is there for.
    pub(crate) fn is_essential_traffic_only(&self) -> bool {
        self.settings.is_essential_traffic_only(&self.environment)
    }

    fn client(&self) -> Result<Client, CommandError> {
        Ok(Client::new(&self.server.url)?.with_essential_traffic_only(self.is_essential_traffic_only()))
    }

    /// A client of the server, without a token. The server on the default address has proven itself.
    pub(crate) async fn connect(&self) -> Result<Client, CommandError> {
        let client = self.client()?;
        if self.server.source == ServerSource::Default {
            prove(&client, &self.paths.instance).await?;
        }
        Ok(client)
    }

    /// The server to use, if there is one: the one that is named, reachable or not, else the one on the
    /// default address once it has proven itself.
    pub(crate) async fn find_server(&self) -> Result<Option<Client>, CommandError> {
        let client = self.client()?;
        if self.server.source == ServerSource::Default
            && let Err(why) = prove(&client, &self.paths.instance).await
        {
            self.output.say_more(&format!("Using no server: {why}."));
            return Ok(None);
        }
        Ok(Some(client))
    }

    /// Whether `--server` was given.
    pub(crate) fn is_server_named_by_flag(&self) -> bool {
        self.server.source == ServerSource::Flag
    }

    /// The value of `--api-key`.
    pub(crate) fn flagged_key(&self) -> Option<&Secret> {
        self.flag.as_ref()
    }

    /// Where a credential is named for this command alone, if one is.
    pub(crate) fn named_credential(&self) -> Option<Source> {
        named_credential(self.flag.as_ref(), &self.environment)
    }

    /// The credential that counts, made at once if none is set.
    pub(crate) async fn credential_or_new(&self, client: &Client) -> Result<Resolved, CommandError> {
        match self.credential()? {
            Some(resolved) => Ok(resolved),
            None => self.provision(client, None).await,
        }
    }

    /// The session of the profile as a source of tokens.
    pub(crate) fn session_tokens(&self) -> SessionTokens {
        let clock = Arc::clone(&self.clock);
        SessionTokens::new(self.credential_file.clone(), self.profile.clone(), clock)
    }

    /// A client that calls with `resolved`; a session is kept fresh meanwhile.
    pub(crate) fn signed_in(&self, client: &Client, resolved: &Resolved) -> Client {
        let client = client.clone();
        match resolved.source {
            Source::Session => client.with_source(Arc::new(self.session_tokens())),
            _ => client.with_token(resolved.token.clone()),
        }
    }

    /// Does `request` with the credential that counts, and once more with a new temporary account if the
    /// server no longer knows the old one.
    pub(crate) async fn call<T>(
        &self,
        doing: &str,
        request: impl AsyncFn(&Client) -> Result<T, ClientError>,
    ) -> Result<T, CommandError> {
        let client = self.connect().await?;
        let resolved = self.credential_or_new(&client).await?;
        let spinner = Spinner::start(doing);
        let answer = request(&self.signed_in(&client, &resolved)).await;
        drop(spinner);
        match answer {
            Err(error) if resolved.source == Source::Temporary && has_ended(&error) => {
                let renewed = self.provision(&client, Some(&resolved.token)).await?;
                Ok(request(&client.with_token(renewed.token)).await?)
            }
            other => other.map_err(|error| dead(error.into(), resolved.source)),
        }
    }

    /// Notes that the account of the credential that counts has got another end.
    pub(crate) async fn note_account_end(&self, end: Option<Timestamp>) -> Result<(), CommandError> {
        let Some(used) = self.credential()?.filter(|used| used.source == Source::Temporary) else {
            return Ok(());
        };
        let client = Client::new(&self.server.url)?;
        let clock = Arc::clone(&self.clock);
        Ok(note_account_end(&self.credential_file, &self.profile, &client, clock, &used.token, end).await?)
    }

    /// Makes a temporary account because somebody wants one, though nobody is signed in any more.
    pub(crate) async fn ask_for_temporary(&self) -> Result<(), CommandError> {
        let client = self.connect().await?;
        let used = match self.credential()? {
            Some(resolved) => resolved,
            None if self.no_temporary => return self.may_provision(),
            None => self.make_temporary(&client, None).await?,
        };
        let server = &self.server.url;
        self.output.data(
            &serde_json::json!({ "server": server.to_string(), "source": used.source.as_str() }),
            || format!("{} is used at {server}: {}…", used.source.describe(), used.hint),
        )
    }

    async fn provision(&self, client: &Client, refused: Option<&Secret>) -> Result<Resolved, CommandError> {
        self.may_provision()?;
        self.make_temporary(client, refused).await
    }

    async fn make_temporary(
        &self,
        client: &Client,
        refused: Option<&Secret>,
    ) -> Result<Resolved, CommandError> {
        let spinner = Spinner::start("making a temporary account");
        let made =
            provision(&self.credential_file, &self.profile, client, Arc::clone(&self.clock), refused).await;
        drop(spinner);
        let made = made?;
        let until = made.expires_at.map(|end| format!(", which ends {end}")).unwrap_or_default();
        let server = &self.server.url;
        match made.outcome {
            Outcome::Found => {}
            Outcome::New => self.output.say(&format!("Made a temporary account at {server}{until}.")),
            Outcome::Replaced => self.output.say(&format!(
                "The temporary account at {server} has ended; made a new one{until}. Its keys ended \
                 with it, and its records can no longer be reached."
            )),
        }
        self.credential()?.ok_or_else(|| {
            CommandError::new(
                Exit::Defect,
                ErrorCode::Internal.as_str(),
                "the new account is not where it was stored",
            )
        })
    }

    fn may_provision(&self) -> Result<(), CommandError> {
        let stored = self.stored()?;
        let url = &self.server.url;
        let signed_out = stored.entry(&self.profile, url).is_some_and(|entry| entry.signed_out);
        let missing = |why: &str| {
            let message = format!("no credential for {url} is set, and {why}");
            CommandError::known(ErrorCode::KeyMissing, message).hint(
                "Sign in with `keywright login`, with a key that you have: `keywright login --api-key-file FILE`, \
                 `-` for standard input, or KEYWRIGHT_API_KEY; or with a mailbox: `keywright auth login-request \
                 --email EMAIL`.",
            )
        };
        if self.no_temporary {
            return Err(missing("temporary accounts are switched off"));
        }
        if signed_out {
            return Err(missing("you have signed out")
                .hint("For a temporary account again: `keywright login --temporary`."));
        }
        let lost = absent::lost(&self.settings, &stored, &self.credential_file, &self.profile, url);
        let Some(why) = lost else { return Ok(()) };
        let error = missing(&format!("no temporary account is made in its place: {why}"))
            .hint("Another profile: `keywright profiles list` and `keywright profiles use PROFILE`.");
        Err(match self.credential_file.set_aside_before() {
            Some(aside) => error.hint(format!("If nothing in it is missed, remove {}.", aside.display())),
            None => error,
        })
    }

    /// Tells of a damaged file of credentials, if there was one.
    pub(crate) fn report_set_aside(&self, path: Option<&Path>) {
        report_set_aside(self.output, self.credential_file.path(), path);
    }
}

/// Tells where a damaged file was moved, if it was.
pub(crate) fn report_set_aside(output: Output, file: &Path, moved: Option<&Path>) {
    if let Some(moved) = moved.filter(|moved| absent::is_empty(moved)) {
        output.warn(&format!("{} was empty; it was moved to {}.", file.display(), moved.display()));
    } else if let Some(moved) = moved {
        output.warn(&format!(
            "{} could not be read; it was moved to {} and nothing of it is lost.",
            file.display(),
            moved.display()
        ));
    }
}

/// Neither settings nor credentials know the profile.
pub(crate) fn unknown_profile(profile: &ProfileName) -> CommandError {
    let message = format!("there is no profile `{profile}`");
    CommandError::new(Exit::User, "PROFILE_UNKNOWN", message).hint(
        "See which there are: `keywright profiles list`. Signing in makes one, `keywright profiles use` \
               chooses one.",
    )
}

/// The same, where the name stands in the environment or in the settings.
fn unknown_profile_of(profile: &ProfileName, place: ProfileSource) -> CommandError {
    let message = format!("there is no profile `{profile}`, which {} names", place.describe());
    let mend = match place {
        ProfileSource::Environment => "Unset it, or name another one: `keywright profiles list`.",
        _ => "Choose another one: `keywright profiles list` and `keywright profiles use PROFILE`.",
    };
    CommandError::new(Exit::User, "PROFILE_UNKNOWN", message).hint(mend).hint(SIGN_IN)
}

/// Where a credential is named for one command alone: by its flag, or in its environment.
pub(crate) fn named_credential(flag: Option<&Secret>, environment: &Environment) -> Option<Source> {
    flag.map(|_| Source::Flag).or_else(|| environment.text("KEYWRIGHT_API_KEY").map(|_| Source::Environment))
}

/// Whether the account behind a token is no more. A revoked one is not replaced: somebody meant it.
fn has_ended(error: &ClientError) -> bool {
    matches!(error.code(), Some(ErrorCode::KeyUnknown | ErrorCode::KeyExpired))
}
