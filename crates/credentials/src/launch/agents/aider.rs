//! aider. Its `.env` files win over the environment, and its configuration files over both, but nothing
//! wins over the `AIDER_` variables but a `.env` file that sets those; so it gets both kinds.

use super::super::project::{dotenv_names, folders_of_repository, text, unreadable, yaml_names};
use super::super::variables::{MODEL_KEYS, Removal, removal};
use super::super::{LaunchError, LaunchRequest, Variable};
use super::{Findings, Place, Recipe, SettingsFile, Setup};

pub(in super::super) const RECIPE: Recipe = Recipe {
    name: "aider",
    program: "aider",
    packages: &["aider-chat"],
    install: "uv tool install aider-chat",
    removals: &[REMOVALS, MODEL_KEYS],
    inspect,
    setup,
};

const REMOVALS: &[Removal] = &[
    removal("AIDER_API_KEY", "replaced by the program's own token"),
    removal("AIDER_OPENAI_API_KEY", "replaced by the program's own token"),
    removal("AIDER_ANTHROPIC_API_KEY", "replaced by the program's own token"),
    removal("AIDER_OPENAI_API_TYPE", "would send calls elsewhere, past the gateway"),
    removal("AIDER_OPENAI_ORGANIZATION_ID", "selects an account at the vendor"),
    removal("ANTHROPIC_AUTH_TOKEN", "sent beside the key, as a second credential"),
    removal("OPENAI_API_TYPE", "would send calls elsewhere, past the gateway"),
    removal("OPENAI_ORGANIZATION", "selects an account at the vendor"),
    removal("GOOGLE_API_KEY", "a key of your own, which aider could use"),
    removal("GEMINI_BASE_URL", "would send calls elsewhere, past the gateway"),
];

/// Options in `.aider.conf.yml` that change where calls go. aider takes their beginnings too.
const OPTIONS: &[&str] = &[
    "openai-api-base",
    "openai-api-type",
    "api-key",
    "set-env",
    "env-file",
    "config",
    "model-settings-file",
];
/// An option itself, and so not the beginning of another.
const MODEL: &str = "model";
/// Variables in `.env` that do: aider's own, which win over what it is given, and addresses.
const VARIABLES: &[&str] = &[
    "AIDER_API_KEY",
    "AIDER_SET_ENV",
    "AIDER_OPENAI_API_BASE",
    "AIDER_OPENAI_API_KEY",
    "AIDER_ANTHROPIC_API_KEY",
    "AIDER_OPENAI_API_TYPE",
    "AIDER_ENV_FILE",
    "AIDER_CONFIG",
    "AIDER_MODEL_SETTINGS_FILE",
    "OPENAI_API_BASE",
    "OPENAI_BASE_URL",
    "OPENAI_API_TYPE",
    "ANTHROPIC_API_BASE",
    "ANTHROPIC_BASE_URL",
    "GEMINI_API_BASE",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
];
/// Words in `.aider.model.settings.yml` that do.
const PARAMETERS: &[&str] = &["api_base", "base_url", "api_key", "extra_headers", "extra_body"];

fn inspect(request: &LaunchRequest<'_>, place: Place) -> Result<Findings, LaunchError> {
    let found = folders_of_repository(request).into_iter().flat_map(|folder| {
        let (options, variables) = (folder.join(".aider.conf.yml"), folder.join(".env"));
        let models = folder.join(".aider.model.settings.yml");
        let option = |name: &String| {
            let begins = OPTIONS.iter().any(|it| it.starts_with(name.as_str()));
            begins && name.len() > 2 && name != MODEL
        };
        let variable = |name: &String| VARIABLES.contains(&name.as_str());
        [
            yaml_names(&options).map(|names| (options, names.into_iter().filter(option).collect())),
            dotenv_names(&variables).map(|names| (variables, names.into_iter().filter(variable).collect())),
            text(&models).and_then(|text| {
                let text = text.unwrap_or_default();
                // A word may be written with one.
                if text.contains('\\') {
                    return Err(unreadable(&models));
                }
                let words = PARAMETERS.iter().filter(|word| text.contains(**word));
                Ok((models, words.map(|word| (*word).to_owned()).collect()))
            }),
        ]
    });
    let found = found.filter_map(|found: Result<(_, Vec<String>), _>| match found {
        Ok((path, names)) => SettingsFile::of(path, names).map(Ok),
        Err(error) => Some(Err(error)),
    });
    let mut findings = Findings::of_project(request, place, found)?;
    // What aider reads last, nothing takes back.
    let (standing, overridden) = findings.overridden.into_iter().partition(|file| {
        file.path.ends_with(".aider.model.settings.yml")
            || file.settings.iter().any(|name| name.starts_with("AIDER_") || name.ends_with("_PROXY"))
    });
    findings = Findings { overridden, standing };
    Ok(findings)
}

fn setup(request: &LaunchRequest<'_>, _: &Findings) -> Setup {
    let root = request.server.to_string();
    let (versioned, google) = (format!("{root}/v1"), format!("{root}/v1beta"));
    let addresses = [
        ("OPENAI_API_BASE", &versioned),
        ("OPENAI_BASE_URL", &versioned),
        ("ANTHROPIC_API_BASE", &root),
        ("ANTHROPIC_BASE_URL", &root),
        ("GEMINI_API_BASE", &google),
    ];
    let given = request.environment.text("AIDER_SET_ENV").unwrap_or_default().trim_matches(['[', ']']);
    let given = given.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned);
    let ours: Vec<String> = addresses.iter().map(|(name, address)| format!("{name}={address}")).collect();
    let all: Vec<String> = given.chain(ours.iter().cloned()).collect();
    let list = |entries: &[String]| format!("[{}]", entries.join(","));
    let mut variables: Vec<Variable> =
        addresses.iter().map(|(name, address)| Variable::new(name, address.as_str())).collect();
    variables.extend(
        ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"]
            .into_iter()
            .chain(["AIDER_OPENAI_API_KEY", "AIDER_ANTHROPIC_API_KEY"])
            .map(Variable::token),
    );
    variables.push(Variable::new("AIDER_OPENAI_API_BASE", versioned));
    variables.push(Variable::with_own("AIDER_SET_ENV", list(&all), list(&ours)));
    variables.push(Variable::with_token("AIDER_API_KEY", "[gemini=", "]"));
    Setup { variables, ..Setup::default() }
}
