//! The providers, one entry each.

use crate::{Dialect, KeyHeader};

/// A model provider.
#[derive(Clone, Copy, Debug)]
pub struct Provider {
    /// Its id, as in the auth file and in `/gateway/{id}/...`.
    pub id: &'static str,
    /// Its name as people write it.
    pub name: &'static str,
    /// The environment variables that hold its key, the strongest first.
    pub environment: &'static [&'static str],
    /// The environment variables that hold a token of its owner's in place of a key, sent as a bearer; they
    /// come before a key. For the owner's own calls only, never for those of others.
    pub bearer_environment: &'static [&'static str],
    /// The environment variables that say where it listens in place of its usual address, the strongest
    /// first. Whoever sets one has a key for that address, not for the vendor's.
    pub address_environment: &'static [&'static str],
    /// What it speaks.
    pub dialect: Dialect,
    /// Where it listens, as its own SDK takes it: with the version for openai, without for the others.
    /// Absent where the address depends on the account, so that it must be configured.
    pub base_url: Option<&'static str>,
    /// Where it wants its key.
    pub key_header: KeyHeader,
    /// Where a key is made.
    pub documentation: &'static str,
}

impl Provider {
    /// The same, at the address in one of these variables if one is set.
    const fn addressed_by(mut self, address_environment: &'static [&'static str]) -> Self {
        self.address_environment = address_environment;
        self
    }

    /// The same, with one of these tokens in place of its key if one is set.
    const fn with_tokens(mut self, bearer_environment: &'static [&'static str]) -> Self {
        self.bearer_environment = bearer_environment;
        self
    }
}

/// The provider of that id.
pub fn provider(id: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.id == id)
}

/// A provider whose own address and place of the key are those of its dialect.
const fn usual(
    dialect: Dialect,
    id: &'static str,
    name: &'static str,
    environment: &'static [&'static str],
    base_url: &'static str,
    documentation: &'static str,
) -> Provider {
    let key_header = match dialect {
        Dialect::Anthropic => KeyHeader::XApiKey,
        Dialect::OpenAi => KeyHeader::Bearer,
        Dialect::Gemini => KeyHeader::XGoogApiKey,
    };
    Provider {
        id,
        name,
        environment,
        bearer_environment: &[],
        address_environment: &[],
        dialect,
        base_url: Some(base_url),
        key_header,
        documentation,
    }
}

/// All providers. The order is that of the reference page.
pub const PROVIDERS: &[Provider] = &[
    usual(
        Dialect::Anthropic,
        "anthropic",
        "Anthropic",
        &["ANTHROPIC_API_KEY"],
        "https://api.anthropic.com",
        "https://console.anthropic.com/settings/keys",
    )
    .with_tokens(&["ANTHROPIC_AUTH_TOKEN"])
    .addressed_by(&["ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE"]),
    usual(
        Dialect::OpenAi,
        "openai",
        "OpenAI",
        &["OPENAI_API_KEY"],
        "https://api.openai.com/v1",
        "https://platform.openai.com/api-keys",
    )
    .addressed_by(&["OPENAI_BASE_URL", "OPENAI_API_BASE"]),
    Provider {
        id: "azure-openai",
        name: "Azure OpenAI",
        environment: &["AZURE_OPENAI_API_KEY"],
        bearer_environment: &[],
        address_environment: &[],
        dialect: Dialect::OpenAi,
        base_url: None,
        key_header: KeyHeader::ApiKey,
        documentation: "https://learn.microsoft.com/azure/ai-services/openai/",
    },
    Provider {
        id: "google",
        name: "Google",
        environment: &["GEMINI_API_KEY"],
        bearer_environment: &[],
        address_environment: &["GOOGLE_GEMINI_BASE_URL"],
        dialect: Dialect::Gemini,
        base_url: Some("https://generativelanguage.googleapis.com"),
        key_header: KeyHeader::XGoogApiKey,
        documentation: "https://aistudio.google.com/apikey",
    },
    usual(
        Dialect::OpenAi,
        "mistral",
        "Mistral",
        &["MISTRAL_API_KEY"],
        "https://api.mistral.ai/v1",
        "https://console.mistral.ai/api-keys",
    ),
    usual(
        Dialect::OpenAi,
        "groq",
        "Groq",
        &["GROQ_API_KEY"],
        "https://api.groq.com/openai/v1",
        "https://console.groq.com/keys",
    ),
    usual(
        Dialect::OpenAi,
        "cerebras",
        "Cerebras",
        &["CEREBRAS_API_KEY"],
        "https://api.cerebras.ai/v1",
        "https://cloud.cerebras.ai",
    ),
    usual(Dialect::OpenAi, "xai", "xAI", &["XAI_API_KEY"], "https://api.x.ai/v1", "https://console.x.ai"),
    usual(
        Dialect::OpenAi,
        "openrouter",
        "OpenRouter",
        &["OPENROUTER_API_KEY"],
        "https://openrouter.ai/api/v1",
        "https://openrouter.ai/keys",
    ),
    usual(
        Dialect::OpenAi,
        "vercel-ai-gateway",
        "Vercel AI Gateway",
        &["AI_GATEWAY_API_KEY"],
        "https://ai-gateway.vercel.sh/v1",
        "https://vercel.com/docs/ai-gateway",
    ),
    usual(
        Dialect::OpenAi,
        "zai",
        "ZAI",
        &["ZAI_API_KEY"],
        "https://api.z.ai/api/coding/paas/v4",
        "https://z.ai/manage-apikey/apikey-list",
    ),
    usual(
        Dialect::OpenAi,
        "opencode",
        "OpenCode Zen",
        &["OPENCODE_API_KEY"],
        "https://opencode.ai/zen/v1",
        "https://opencode.ai/auth",
    ),
    usual(
        Dialect::Anthropic,
        "minimax",
        "MiniMax",
        &["MINIMAX_API_KEY"],
        "https://api.minimax.io/anthropic",
        "https://platform.minimax.io",
    ),
    usual(
        Dialect::Anthropic,
        "minimax-cn",
        "MiniMax (China)",
        &["MINIMAX_CN_API_KEY"],
        "https://api.minimaxi.com/anthropic",
        "https://platform.minimaxi.com",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_and_variables_are_those_of_the_seed_each_once() {
        let seed = [
            ("anthropic", "ANTHROPIC_API_KEY"),
            ("openai", "OPENAI_API_KEY"),
            ("azure-openai", "AZURE_OPENAI_API_KEY"),
            ("google", "GEMINI_API_KEY"),
            ("mistral", "MISTRAL_API_KEY"),
            ("groq", "GROQ_API_KEY"),
            ("cerebras", "CEREBRAS_API_KEY"),
            ("xai", "XAI_API_KEY"),
            ("openrouter", "OPENROUTER_API_KEY"),
            ("vercel-ai-gateway", "AI_GATEWAY_API_KEY"),
            ("zai", "ZAI_API_KEY"),
            ("opencode", "OPENCODE_API_KEY"),
            ("minimax", "MINIMAX_API_KEY"),
            ("minimax-cn", "MINIMAX_CN_API_KEY"),
        ];
        for (id, variable) in seed {
            let provider = provider(id).expect(id);
            assert!(provider.environment.contains(&variable), "{id}");
        }
        let ids: HashSet<_> = PROVIDERS.iter().map(|provider| provider.id).collect();
        assert_eq!(ids.len(), PROVIDERS.len());
    }

    #[test]
    fn addresses_are_https_without_a_slash_at_the_end_and_without_a_version_but_for_openai() {
        for provider in PROVIDERS {
            let Some(base_url) = provider.base_url else { continue };
            assert!(base_url.starts_with("https://") && !base_url.ends_with('/'), "{}", provider.id);
            if provider.dialect != Dialect::OpenAi {
                assert!(!base_url.contains("/v1"), "{}", provider.id);
            }
        }
    }

    #[test]
    fn each_dialect_is_at_home_with_a_provider_that_speaks_it() {
        for dialect in Dialect::ALL {
            assert_eq!(provider(dialect.home()).map(|home| home.dialect), Some(dialect));
            assert_eq!(Dialect::from_name(dialect.as_str()), Some(dialect));
        }
    }
}
