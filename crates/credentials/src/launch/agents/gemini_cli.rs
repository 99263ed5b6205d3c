//! Gemini CLI. With a base URL in its environment it wants an authentication that it refuses without a
//! terminal, unless its settings ask for an API key. Settings that win over the user's must belong to
//! root, so it gets a home folder of its own that links to the user's but for these and the sign-ins.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::overlay::Plan;
use super::super::project::{dotenv_names, folders_above, json as read_json};
use super::super::variables::{Removal, removal};
use super::super::{LaunchError, LaunchRequest, Variable};
use super::{Findings, Place, Recipe, SettingsFile, Setup};

pub(in super::super) const RECIPE: Recipe = Recipe {
    name: "Gemini CLI",
    program: "gemini",
    packages: &["gemini-cli"],
    install: "npm install -g @google/gemini-cli",
    removals: &[REMOVALS],
    inspect,
    setup,
};

const REMOVALS: &[Removal] = &[
    removal("GEMINI_API_KEY", "replaced by the program's own token"),
    removal("GOOGLE_API_KEY", "a key of your own, which Gemini CLI could use"),
    removal("GOOGLE_CLOUD_ACCESS_TOKEN", "a sign-in of your own, which Gemini CLI could use"),
    removal("GOOGLE_GENAI_USE_VERTEXAI", "would send calls to another cloud, past the gateway"),
    removal("GOOGLE_GENAI_USE_GCA", "would use a sign-in of the vendor's in place of the token"),
    removal("GEMINI_CLI_USE_COMPUTE_ADC", "would use a sign-in of the machine's in place of the token"),
    removal("GOOGLE_VERTEX_BASE_URL", "would send calls elsewhere, past the gateway"),
    removal("CODE_ASSIST_ENDPOINT", "would send calls elsewhere, past the gateway"),
    removal("GEMINI_CLI_CUSTOM_HEADERS", "can carry another credential"),
    removal("GEMINI_API_KEY_AUTH_MECHANISM", "changes how the token is sent"),
    removal("GEMINI_DEFAULT_AUTH_TYPE", "selects another credential"),
];

/// In a `.env` file, which sets what is not set: the way through a proxy and whom to trust there, another
/// home, and what else the recipe takes out of the environment.
const REDIRECTING: &[&str] = &[
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "NODE_TLS_REJECT_UNAUTHORIZED",
    "GEMINI_CLI_SYSTEM_SETTINGS_PATH",
    "GEMINI_CLI_SYSTEM_DEFAULTS_PATH",
    "GEMINI_CLI_CUSTOM_HEADERS",
    "CODE_ASSIST_ENDPOINT",
    "GOOGLE_VERTEX_BASE_URL",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "GOOGLE_GENAI_USE_GCA",
];

fn inspect(request: &LaunchRequest<'_>, place: Place) -> Result<Findings, LaunchError> {
    let folders = folders_above(request);
    let files = folders.iter().flat_map(|folder| [folder.join(".env"), folder.join(".gemini/.env")]);
    let variables = files.filter_map(|path| match dotenv_names(&path) {
        Err(error) => Some(Err(error)),
        Ok(names) => {
            let names = names
                .into_iter()
                .filter(|name| REDIRECTING.contains(&name.as_str()) && !request.environment.contains(name));
            SettingsFile::of(path, names.map(|name| format!("{ENV}{name}")).collect()).map(Ok)
        }
    });
    let mut findings = Findings::of_project(request, place, variables)?;
    // In the home folder these are the user's own, but count as the project's even so.
    let path = request.folder.join(".gemini/settings.json");
    let workspace = match read_json(&path) {
        Ok(settings) => settings.map(|settings| settings["security"]["auth"].clone()),
        Err(_) if request.trust_project || place == Place::Unnamed => None,
        Err(error) => return Err(error),
    };
    let names = workspace.iter().filter_map(Value::as_object).flat_map(|auth| auth.iter());
    let names = names.filter(|(_, value)| **value != json!(API_KEY));
    let names: Vec<String> = names.map(|(name, _)| format!("security.auth.{name}")).collect();
    match SettingsFile::of(path, names) {
        Some(SettingsFile { path, settings }) if place != Place::Unnamed && !request.trust_project => {
            Err(LaunchError::ProjectRedirects { path, settings })
        }
        file if place != Place::Unnamed => {
            findings.standing.extend(file);
            Ok(findings)
        }
        _ => Ok(findings),
    }
}

fn setup(request: &LaunchRequest<'_>, findings: &Findings) -> Setup {
    let source = match request.environment.text(HOME).map(PathBuf::from) {
        Some(home) => home.join(".gemini"),
        None => request.home.join(".gemini"),
    };
    let mut settings = read_json(&source.join("settings.json")).ok().flatten().unwrap_or_else(|| json!({}));
    if !settings.is_object() {
        settings = json!({});
    }
    if !settings["security"].is_object() {
        settings["security"] = json!({});
    }
    settings["security"]["auth"] = json!({ "selectedType": API_KEY });
    let mut variables = vec![
        Variable::new("GOOGLE_GEMINI_BASE_URL", request.server.to_string()),
        Variable::token("GEMINI_API_KEY"),
    ];
    if request.trust_project {
        variables.push(Variable::new("GEMINI_CLI_TRUST_WORKSPACE", "true"));
    }
    // One that is there, though empty, is not set by a file.
    let blank = findings.overridden.iter().flat_map(|file| &file.settings);
    let blank = blank.filter_map(|name| REDIRECTING.iter().find(|it| name.strip_prefix(ENV) == Some(it)));
    variables.extend(blank.map(|name| Variable::new(name, "")));
    Setup {
        variables,
        folder: Some(Plan {
            variable: HOME,
            inside: ".gemini",
            source,
            withheld: &["oauth_creds.json", "google_accounts.json", "gemini-credentials.json"],
            made: &["tmp", "history"],
            file: "settings.json",
            content: settings,
            kept_out: &["/security/auth"],
        }),
        ..Setup::default()
    }
}

const HOME: &str = "GEMINI_CLI_HOME";
const API_KEY: &str = "gemini-api-key";
const ENV: &str = "env.";
