//! Claude Code. Its settings files can set variables over the ones that it was started with.
//!
//! A project's file can be anybody's: it is refused. The user's own is overridden, aloud. Where another
//! program starts Claude Code, or may, nothing can be overridden, so what is not refused is told.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::super::variables::CLAUDE_CODE;
use super::super::{LaunchError, LaunchRequest, Variable};
use super::{Findings, Place, Recipe, SettingsFile, Setup};

pub(in super::super) const RECIPE: Recipe = Recipe {
    name: "Claude Code",
    program: "claude",
    packages: &["claude-code"],
    install: "npm install -g @anthropic-ai/claude-code",
    removals: &[CLAUDE_CODE],
    inspect,
    setup,
};

fn setup(request: &LaunchRequest<'_>, findings: &Findings) -> Setup {
    Setup {
        variables: vec![
            Variable::new("ANTHROPIC_BASE_URL", request.server.to_string()),
            // Claude Code then ignores what any settings file says of provider and credential.
            // Seen in 2.1.197; an older one does not know it and is overridden by the arguments.
            Variable::new("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1"),
            // Sent as a bearer; an API key would first ask the user for approval.
            Variable::token("ANTHROPIC_AUTH_TOKEN"),
        ],
        arguments: arguments(&findings.overridden, request),
        ..Setup::default()
    }
}

fn inspect(request: &LaunchRequest<'_>, place: Place) -> Result<Findings, LaunchError> {
    let user = user_file(request);
    let named = place != Place::Unnamed;
    let mut found = project_files(request, &user, named && !request.trust_project)?;
    if named && let Content::Settings(settings) = read(&user) {
        found.extend(SettingsFile::of(user, winning(&settings, &[])));
    }
    Ok(match place {
        Place::Itself => Findings { overridden: found, ..Findings::default() },
        Place::Behind | Place::Unnamed => Findings { standing: found, ..Findings::default() },
    })
}

/// The project's files that would win, or the first of them as a refusal.
fn project_files(
    request: &LaunchRequest<'_>,
    user: &Path,
    refuse: bool,
) -> Result<Vec<SettingsFile>, LaunchError> {
    let mut found = Vec::new();
    for name in ["settings.json", "settings.local.json"] {
        let path = request.folder.join(".claude").join(name);
        if path == user {
            continue;
        }
        let settings = match read(&path) {
            Content::Unreadable if refuse => return Err(LaunchError::ProjectUnreadable { path }),
            Content::Absent | Content::Unreadable => continue,
            Content::Settings(settings) => winning(&settings, PROJECT_ONLY),
        };
        match SettingsFile::of(path, settings) {
            Some(SettingsFile { path, settings }) if refuse => {
                return Err(LaunchError::ProjectRedirects { path, settings });
            }
            file => found.extend(file),
        }
    }
    Ok(found)
}

/// The argument that takes back what the files set: Claude Code lets it win over all of them. It holds
/// no secret, for everybody can read arguments. Not given when the user passes one: the last would win.
fn arguments(overridden: &[SettingsFile], request: &LaunchRequest<'_>) -> Vec<OsString> {
    let given = |argument: &OsString| argument.to_str().is_some_and(|text| text.starts_with("--settings"));
    if overridden.is_empty() || request.arguments.iter().any(given) {
        return Vec::new();
    }
    let mut environment = Map::new();
    let mut settings = Map::new();
    for setting in overridden.iter().flat_map(|file| &file.settings) {
        match setting.strip_prefix("env.") {
            Some("ANTHROPIC_BASE_URL") => {
                environment.insert("ANTHROPIC_BASE_URL".into(), json!(request.server.to_string()));
            }
            // An empty token here would take away the right one too.
            Some("ANTHROPIC_AUTH_TOKEN") => {}
            Some(name) if PROJECT_ONLY.contains(&name) => {}
            Some(name) => {
                environment.insert(name.to_owned(), json!(""));
            }
            None => {
                settings.insert(setting.clone(), json!(""));
            }
        }
    }
    if !environment.is_empty() {
        settings.insert("env".to_owned(), Value::Object(environment));
    }
    if settings.is_empty() {
        return Vec::new();
    }
    vec!["--settings".into(), Value::Object(settings).to_string().into()]
}

fn user_file(request: &LaunchRequest<'_>) -> PathBuf {
    let folder = match request.environment.text("CLAUDE_CONFIG_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => request.home.join(".claude"),
    };
    folder.join("settings.json")
}

enum Content {
    Absent,
    Unreadable,
    Settings(Value),
}

fn read(path: &Path) -> Content {
    match path.metadata() {
        Err(_) => return Content::Absent,
        // A pipe would keep us waiting.
        Ok(metadata) if !metadata.is_file() => return Content::Unreadable,
        Ok(_) => {}
    }
    let content = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    content.map_or(Content::Unreadable, Content::Settings)
}

/// The settings that decide where calls go or which credential they carry.
fn winning(settings: &Value, more: &[&str]) -> Vec<String> {
    let helpers = HELPERS.iter().filter(|name| settings.get(**name).is_some()).map(|name| (*name).to_owned());
    let variables = settings.get("env").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let matters = |name: &str| {
        name == "ANTHROPIC_BASE_URL"
            || CLAUDE_CODE.iter().any(|removal| removal.name == name)
            || more.contains(&name)
    };
    helpers.chain(variables.filter(|name| matters(name)).map(|name| format!("env.{name}"))).collect()
}

/// Settings that run a command to get a credential.
const HELPERS: &[&str] = &["apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh"];

/// What users may well set for themselves, but no project for them: the way through a proxy, whom to
/// trust there, and what is loaded into the program.
const PROJECT_ONLY: &[&str] = &[
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NODE_EXTRA_CA_CERTS",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "NODE_OPTIONS",
    "BUN_OPTIONS",
    "SSL_CERT_FILE",
];
