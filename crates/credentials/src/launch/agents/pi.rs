//! Pi. Where its providers are is in a file, so it gets a configuration folder of its own that links to
//! the user's but for that file and the sign-ins. Projects can set no address; their extensions, which
//! could, are a matter of Pi's own question whether the project is trusted.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::super::overlay::Plan;
use super::super::project::json as read_json;
use super::super::variables::MODEL_KEYS;
use super::super::{LaunchRequest, Variable};
use super::{Findings, Recipe, Setup};

pub(in super::super) const RECIPE: Recipe = Recipe {
    name: "Pi",
    program: "pi",
    packages: &["pi-coding-agent"],
    install: "npm install -g @earendil-works/pi-coding-agent",
    removals: &[MODEL_KEYS],
    inspect: |_, _| Ok(Findings::default()),
    setup,
};

fn setup(request: &LaunchRequest<'_>, _: &Findings) -> Setup {
    let source = match request.environment.text(FOLDER) {
        Some(folder) => match folder.strip_prefix("~/") {
            Some(inside) => request.home.join(inside),
            None => PathBuf::from(folder),
        },
        None => request.home.join(".pi/agent"),
    };
    let own = read_json(&source.join("models.json")).ok().flatten().unwrap_or_default();
    let own = own["providers"].as_object().cloned().unwrap_or_default();
    let others: Vec<&str> =
        own.keys().map(String::as_str).filter(|id| ROUTED.iter().all(|(routed, _)| routed != id)).collect();
    let notes = match others.is_empty() {
        true => Vec::new(),
        false => vec![format!("Left out of Pi's models.json, as they go elsewhere: {}.", others.join(", "))],
    };
    let mut providers = Map::new();
    for (id, version) in ROUTED {
        let mut provider = own.get(*id).cloned().filter(Value::is_object).unwrap_or_else(|| json!({}));
        strip(&mut provider);
        provider["baseUrl"] = json!(format!("{}{version}", request.server));
        provider["apiKey"] = json!(format!("${TOKEN}"));
        providers.insert((*id).to_owned(), provider);
    }
    Setup {
        variables: vec![Variable::token(TOKEN)],
        folder: Some(Plan {
            variable: FOLDER,
            inside: "",
            source,
            withheld: &["auth.json"],
            made: &["sessions"],
            file: "models.json",
            content: json!({ "providers": providers }),
            kept_out: &[""],
        }),
        notes,
        ..Setup::default()
    }
}

/// Takes out what says where calls go and what they carry; what is said of models stays.
fn strip(settings: &mut Value) {
    match settings {
        Value::Object(settings) => {
            settings.retain(|name, _| {
                !["baseUrl", "apiKey", "headers", "authHeader", "oauth"].contains(&name.as_str())
            });
            settings.values_mut().for_each(strip);
        }
        Value::Array(settings) => settings.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Pi's providers that the gateway speaks for, and what follows its address.
const ROUTED: &[(&str, &str)] = &[("anthropic", ""), ("openai", "/v1"), ("google", "/v1beta")];
const FOLDER: &str = "PI_CODING_AGENT_DIR";
const TOKEN: &str = "PI_KEYWRIGHT_TOKEN";
