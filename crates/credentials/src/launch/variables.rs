//! The variables that are taken out of a program's environment, each with the reason. Only what the
//! program reads as a credential for models, or as the way to them: never `GH_TOKEN`, never `AWS_*`.

/// A variable that is taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Its name.
    pub name: &'static str,
    /// Why it must not be there.
    pub reason: &'static str,
}

const fn removal(name: &'static str, reason: &'static str) -> Removal {
    Removal { name, reason }
}

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

const PARENT: &str = "the program gets a token of its own";
const REPLACED: &str = "replaced by the program's own token";
const LOGIN: &str = "a sign-in of the vendor's, which would be used in place of the token";
const IDENTITY: &str = "an identity of the vendor's, which would be used in place of the token";
const CLOUD: &str = "would send calls to another cloud, past the gateway";
const CLOUD_KEY: &str = "a key of another cloud";
const ELSEWHERE: &str = "would send calls elsewhere, past the gateway";
