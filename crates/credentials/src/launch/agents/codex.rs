//! Codex. It ignores `OPENAI_BASE_URL`, so it is given a provider of its own by `-c`, which wins over all
//! of its files. The arguments carry the address and the name of the variable with the token.

use std::ffi::OsString;

use serde_json::json;

use super::super::project::{folders_of_repository, toml};
use super::super::variables::{Removal, removal};
use super::super::{LaunchError, LaunchRequest, Variable};
use super::{Findings, Place, Recipe, SettingsFile, Setup};

pub(in super::super) const RECIPE: Recipe = Recipe {
    name: "Codex",
    program: "codex",
    packages: &["codex"],
    install: "npm install -g @openai/codex",
    removals: &[REMOVALS],
    inspect,
    setup,
};

const REMOVALS: &[Removal] = &[
    removal("CODEX_API_KEY", "a key of your own, which Codex would use"),
    removal("CODEX_ACCESS_TOKEN", "a sign-in of your own, which Codex would use"),
    removal("CODEX_URL", "would send calls elsewhere, past the gateway"),
    removal("OPENAI_API_KEY", "a key of your own, which Codex would use"),
    removal("OPENAI_BASE_URL", "would send calls elsewhere, past the gateway"),
    removal("OPENAI_ORGANIZATION", "selects an account at the vendor"),
    removal("OPENAI_PROJECT", "selects an account at the vendor"),
];

/// Codex 0.169 ignores these in a project, and says so; other versions may not.
const REDIRECTING: &[&str] = &[
    "model_provider",
    "model_providers",
    "openai_base_url",
    "chatgpt_base_url",
    "profile",
    "profiles",
    "oss_provider",
];

fn inspect(request: &LaunchRequest<'_>, place: Place) -> Result<Findings, LaunchError> {
    let found = folders_of_repository(request).into_iter().filter_map(|folder| {
        let path = folder.join(".codex/config.toml");
        let settings = match toml(&path) {
            Ok(settings) => settings?,
            Err(error) => return Some(Err(error)),
        };
        let names = REDIRECTING.iter().filter(|name| settings.contains_key(**name));
        SettingsFile::of(path, names.map(|name| (*name).to_owned()).collect()).map(Ok)
    });
    Findings::of_project(request, place, found)
}

fn setup(request: &LaunchRequest<'_>, _: &Findings) -> Setup {
    // A text of JSON is one of TOML too.
    let address = json!(format!("{}/v1", request.server));
    let provider = format!(
        "model_providers.keywright={{name=\"Keywright\",base_url={address},env_key=\"{TOKEN}\",\
         wire_api=\"responses\"}}"
    );
    Setup {
        variables: vec![Variable::token(TOKEN)],
        arguments: ["-c", "model_provider=\"keywright\"", "-c", &provider].map(OsString::from).to_vec(),
        ..Setup::default()
    }
}

/// Codex takes no variable that begins so from a `.env` file.
const TOKEN: &str = "CODEX_KEYWRIGHT_TOKEN";
