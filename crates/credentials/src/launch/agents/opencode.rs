//! opencode. A configuration in a variable wins over all of its files, and is the only thing it needs.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::project::{folders_of_repository, json as read_json};
use super::super::variables::{MODEL_KEYS, Removal, removal};
use super::super::{LaunchError, LaunchRequest, Variable};
use super::{Findings, Place, Recipe, SettingsFile, Setup};

pub(in super::super) const RECIPE: Recipe = Recipe {
    name: "opencode",
    program: "opencode",
    packages: &["opencode-ai", "opencode"],
    install: "npm install -g opencode-ai",
    removals: &[REMOVALS, MODEL_KEYS],
    inspect,
    setup,
};

const REMOVALS: &[Removal] = &[
    removal("OPENCODE_AUTH_CONTENT", "holds sign-ins, which would be used in place of the token"),
    removal("OPENCODE_CONSOLE_TOKEN", "a sign-in of opencode's own service"),
];

/// In the project's definition of a provider, at any depth.
const REDIRECTING: &[&str] =
    &["baseURL", "apiKey", "headers", "api", "npm", "env", "endpoint", "enterpriseUrl", "authToken"];

fn inspect(request: &LaunchRequest<'_>, place: Place) -> Result<Findings, LaunchError> {
    let files = folders_of_repository(request).into_iter().flat_map(|folder| {
        ["opencode.json", "opencode.jsonc", ".opencode/opencode.json", ".opencode/opencode.jsonc"]
            .map(|name| folder.join(name))
    });
    let found = files.filter_map(|path| {
        let settings = match read_json(&path) {
            Ok(settings) => settings?,
            Err(error) => return Some(Err(error)),
        };
        let mut names = Vec::new();
        redirecting(settings.get("provider")?, "provider", &mut names);
        SettingsFile::of(path, names).map(Ok)
    });
    Findings::of_project(request, place, found)
}

fn redirecting(settings: &Value, place: &str, names: &mut Vec<String>) {
    let Some(settings) = settings.as_object() else { return };
    for (name, value) in settings {
        let place = format!("{place}.{name}");
        if REDIRECTING.contains(&name.as_str()) {
            names.push(place);
        } else {
            redirecting(value, &place, names);
        }
    }
}

fn setup(request: &LaunchRequest<'_>, _: &Findings) -> Setup {
    let given = request.environment.text(CONFIG);
    let given = given.and_then(|given| jsonc_parser::parse_to_serde_value(given, &Default::default()).ok());
    let given = given.filter(Value::is_object).unwrap_or_else(|| json!({}));
    let mut setup = Setup {
        variables: vec![
            Variable::with_own(CONFIG, led(request, given), led(request, json!({}))),
            // These are sign-ins; the one of OpenAI's would take the calls to the vendor.
            Variable::new("OPENCODE_DISABLE_DEFAULT_PLUGINS", "1"),
            Variable::token(TOKEN),
        ],
        ..Setup::default()
    };
    if signed_in(request) {
        setup.variables.push(Variable::new("OPENCODE_PURE", "1"));
        setup.notes.push(
            "opencode runs without its plugins: it is signed in with a vendor, and a plugin could take the \
             calls there."
                .to_owned(),
        );
    }
    setup
}

/// A configuration that is led to the gateway.
fn led(request: &LaunchRequest<'_>, mut config: Value) -> String {
    let server = request.server;
    let options = |version: &str| json!({ "options": { "baseURL": format!("{server}/{version}"), "apiKey": format!("{{env:{TOKEN}}}") } });
    for (provider, version) in [("anthropic", "v1"), ("openai", "v1"), ("google", "v1beta")] {
        merge(&mut config, json!({ "provider": { provider: options(version) } }));
    }
    // What it calls by itself, for titles, is then one of these too.
    merge(&mut config, json!({ "enabled_providers": ["anthropic", "openai", "google"] }));
    config.to_string()
}

/// Whether a sign-in is stored for a provider that goes through the gateway: plugins make use of them.
fn signed_in(request: &LaunchRequest<'_>) -> bool {
    let data = request.environment.text("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.filter(|path| path.is_absolute()).unwrap_or_else(|| request.home.join(".local/share"));
    let stored = read_json(&data.join("opencode/auth.json")).ok().flatten().unwrap_or_default();
    ["anthropic", "openai", "google"].iter().any(|provider| stored[provider]["type"] == "oauth")
}

/// Sets what `over` says and keeps the rest.
fn merge(into: &mut Value, over: Value) {
    match (into, over) {
        (Value::Object(into), Value::Object(over)) => {
            for (name, value) in over {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, over) => *into = over,
    }
}

const CONFIG: &str = "OPENCODE_CONFIG_CONTENT";
const TOKEN: &str = "OPENCODE_KEYWRIGHT_TOKEN";
