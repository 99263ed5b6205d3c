//! The variables that are taken out of a program's environment, each with the reason. Only what the
//! program reads as a credential for models, or as the way to them: never `GH_TOKEN`, never `AWS_*`. Those
//! of agents with a recipe of their own stand in their files.

use keywright_secret::Secret;

use super::shell::shell_quoted;

/// A variable that is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its name.
    pub name: &'static str,
    /// Why it must not be there.
    pub reason: &'static str,
}

pub(super) const fn removal(name: &'static str, reason: &'static str) -> Removal {
    Removal { name, reason }
}

/// A variable that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The value, or what stands in front of the token.
    before: String,
    /// What stands behind the token, if the token is in it.
    after: Option<String>,
    /// What is shown in its place, where the user's own settings are in it: they may hold credentials.
    shown: Option<String>,
}

impl Variable {
    pub(super) fn new(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, before: value.into(), after: None, shown: None }
    }

    /// One that holds the token.
    pub(super) fn token(name: &'static str) -> Self {
        Self::with_token(name, "", "")
    }

    /// One that holds the token between two texts.
    pub(super) fn with_token(name: &'static str, before: &str, after: &str) -> Self {
        Self { name, before: before.to_owned(), after: Some(after.to_owned()), shown: None }
    }

    /// One that holds what the user had set there too, which is not shown.
    pub(super) fn with_own(name: &'static str, value: impl Into<String>, shown: impl Into<String>) -> Self {
        Self { shown: Some(shown.into()), ..Self::new(name, value) }
    }

    /// Whether the token is in it.
    pub fn is_secret(&self) -> bool {
        self.after.is_some()
    }

    /// The value with this token: a secret if [`is_secret`](Self::is_secret) says so.
    pub(super) fn value(&self, token: &Secret) -> Secret {
        Secret::new(match &self.after {
            None => self.before.clone(),
            Some(after) => format!("{}{}{after}", self.before, token.expose()),
        })
    }

    /// The value as a shell writes it, with a variable of its own in place of the token, and without the
    /// user's own settings.
    pub(super) fn for_shell(&self) -> String {
        let part = |text: &str| if text.is_empty() { String::new() } else { shell_quoted(text) };
        match &self.after {
            None => shell_quoted(self.shown.as_ref().unwrap_or(&self.before)),
            Some(after) => format!("{}\"${TOKEN_VARIABLE}\"{}", part(&self.before), part(after)),
        }
    }
}

/// What stands for the token in a command that is shown.
pub const TOKEN_VARIABLE: &str = "AGENT_TOKEN";

/// Our own credentials: a child gets none but the token made for it.
pub(super) const OWN: &[Removal] = &[
    removal("KEYWRIGHT_API_KEY", PARENT),
    removal("KEYWRIGHT_MASTER_KEY", "the server's master key"),
    removal("KEYWRIGHT_DATABASE", "may hold the database's password"),
    removal("KEYWRIGHT_MAIL_SMTP", "may hold the mail server's password"),
];

/// What Claude Code reads beside, or before, the address and token that it is given.
pub(super) const CLAUDE_CODE: &[Removal] = &[
    removal("ANTHROPIC_AUTH_TOKEN", REPLACED),
    removal("ANTHROPIC_API_KEY", "sent beside the token, as your own provider key"),
    removal("ANTHROPIC_CUSTOM_HEADERS", "can carry another credential"),
    removal("CLAUDE_CODE_OAUTH_TOKEN", LOGIN),
    removal("CLAUDE_CODE_OAUTH_REFRESH_TOKEN", LOGIN),
    removal("CLAUDE_CODE_OAUTH_TOKEN_FILE_DESCRIPTOR", LOGIN),
    removal("CLAUDE_CODE_SESSION_ACCESS_TOKEN", LOGIN),
    removal("CLAUDE_CODE_API_KEY_FILE_DESCRIPTOR", "another key, read from an open file"),
    removal("ANTHROPIC_IDENTITY_TOKEN", IDENTITY),
    removal("ANTHROPIC_IDENTITY_TOKEN_FILE", IDENTITY),
    removal("ANTHROPIC_FEDERATION_RULE_ID", IDENTITY),
    removal("ANTHROPIC_PROFILE", "names a stored credential of the vendor's own tools"),
    removal("CLAUDE_CODE_USE_BEDROCK", CLOUD),
    removal("CLAUDE_CODE_USE_MANTLE", CLOUD),
    removal("CLAUDE_CODE_USE_ANTHROPIC_AWS", CLOUD),
    removal("CLAUDE_CODE_USE_VERTEX", CLOUD),
    removal("CLAUDE_CODE_USE_FOUNDRY", CLOUD),
    removal("CLAUDE_CODE_USE_GATEWAY", ELSEWHERE),
    removal("ANTHROPIC_BEDROCK_BASE_URL", ELSEWHERE),
    removal("ANTHROPIC_BEDROCK_MANTLE_BASE_URL", ELSEWHERE),
    removal("ANTHROPIC_BEDROCK_MANTLE_API_KEY", CLOUD_KEY),
    removal("ANTHROPIC_AWS_BASE_URL", ELSEWHERE),
    removal("ANTHROPIC_AWS_API_KEY", CLOUD_KEY),
    removal("ANTHROPIC_VERTEX_BASE_URL", ELSEWHERE),
    removal("ANTHROPIC_VERTEX_PROJECT_ID", "selects an account of another cloud"),
    removal("ANTHROPIC_FOUNDRY_BASE_URL", ELSEWHERE),
    removal("ANTHROPIC_FOUNDRY_RESOURCE", ELSEWHERE),
    removal("ANTHROPIC_FOUNDRY_API_KEY", CLOUD_KEY),
    removal("ANTHROPIC_UNIX_SOCKET", ELSEWHERE),
    removal("CLAUDE_CODE_API_BASE_URL", ELSEWHERE),
];

/// What the vendors' libraries read before the key that they are given.
pub(super) const COMMON: &[Removal] = &[
    removal("ANTHROPIC_AUTH_TOKEN", "sent beside the key, as a second credential"),
    removal("ANTHROPIC_CUSTOM_HEADERS", "can carry another credential"),
    removal("GOOGLE_API_KEY", "Google's libraries prefer it to GEMINI_API_KEY"),
    removal("GOOGLE_GENAI_USE_VERTEXAI", CLOUD),
    removal("GOOGLE_GENAI_USE_GCA", LOGIN),
];

/// Keys of model providers, for agents that speak with many. `HF_TOKEN` and Cloudflare's are not here:
/// they open much else, and serve other programs.
pub(super) const MODEL_KEYS: &[Removal] = &[
    removal("ANTHROPIC_API_KEY", KEY),
    removal("ANTHROPIC_OAUTH_TOKEN", KEY),
    removal("ANTHROPIC_AUTH_TOKEN", KEY),
    removal("ANTHROPIC_BASE_URL", ELSEWHERE),
    removal("OPENAI_API_KEY", KEY),
    removal("OPENAI_BASE_URL", ELSEWHERE),
    removal("AZURE_OPENAI_API_KEY", KEY),
    removal("AZURE_API_KEY", KEY),
    removal("GEMINI_API_KEY", KEY),
    removal("GOOGLE_API_KEY", KEY),
    removal("GOOGLE_GENERATIVE_AI_API_KEY", KEY),
    removal("GOOGLE_CLOUD_API_KEY", KEY),
    removal("AI_GATEWAY_API_KEY", KEY),
    removal("ANT_LING_API_KEY", KEY),
    removal("BASETEN_API_KEY", KEY),
    removal("CEREBRAS_API_KEY", KEY),
    removal("COHERE_API_KEY", KEY),
    removal("COPILOT_GITHUB_TOKEN", KEY),
    removal("DEEPINFRA_API_KEY", KEY),
    removal("DEEPSEEK_API_KEY", KEY),
    removal("FIREWORKS_API_KEY", KEY),
    removal("GROQ_API_KEY", KEY),
    removal("KIMI_API_KEY", KEY),
    removal("MINIMAX_API_KEY", KEY),
    removal("MINIMAX_CN_API_KEY", KEY),
    removal("MISTRAL_API_KEY", KEY),
    removal("MOONSHOT_API_KEY", KEY),
    removal("NVIDIA_API_KEY", KEY),
    removal("OPENCODE_API_KEY", KEY),
    removal("OPENROUTER_API_KEY", KEY),
    removal("PERPLEXITY_API_KEY", KEY),
    removal("QWEN_TOKEN_PLAN_API_KEY", KEY),
    removal("QWEN_TOKEN_PLAN_CN_API_KEY", KEY),
    removal("RADIUS_API_KEY", KEY),
    removal("TOGETHER_API_KEY", KEY),
    removal("XAI_API_KEY", KEY),
    removal("XIAOMI_API_KEY", KEY),
    removal("XIAOMI_TOKEN_PLAN_AMS_API_KEY", KEY),
    removal("XIAOMI_TOKEN_PLAN_CN_API_KEY", KEY),
    removal("XIAOMI_TOKEN_PLAN_SGP_API_KEY", KEY),
    removal("ZAI_API_KEY", KEY),
    removal("ZAI_CODING_CN_API_KEY", KEY),
];

const KEY: &str = "a provider's key of your own, which would be used past the gateway";
const PARENT: &str = "the program gets a token of its own";
const REPLACED: &str = "replaced by the program's own token";
const LOGIN: &str = "a sign-in of the vendor's, which would be used in place of the token";
const IDENTITY: &str = "an identity of the vendor's, which would be used in place of the token";
const CLOUD: &str = "would send calls to another cloud, past the gateway";
const CLOUD_KEY: &str = "a key of another cloud";
const ELSEWHERE: &str = "would send calls elsewhere, past the gateway";
