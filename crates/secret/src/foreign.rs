//! Keys of other vendors, told by their prefix, so that a wrong key gets an answer that helps.

/// A vendor whose credentials have a known prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendor {
    /// Anthropic, `sk-ant-`.
    Anthropic,
    /// OpenAI, `sk-proj-`, `sk-svcacct-`, `sk-admin-`.
    OpenAi,
    /// OpenRouter, `sk-or-`.
    OpenRouter,
    /// Google, `AIza`.
    Google,
    /// GitHub, `ghp_` and its siblings.
    GitHub,
    /// Amazon Web Services, `AKIA` and `ASIA`.
    Aws,
    /// Stripe, `sk_live_`, `sk_test_` and the restricted forms.
    Stripe,
    /// Groq, `gsk_`.
    Groq,
    /// xAI, `xai-`.
    XAi,
    /// Hugging Face, `hf_`.
    HuggingFace,
    /// Amp, `sgamp_`.
    Amp,
}

impl Vendor {
    /// The vendor whose prefix `credential` carries, if one is known.
    pub fn of(credential: &str) -> Option<Self> {
        PREFIXES.iter().find(|(prefix, _)| credential.starts_with(prefix)).map(|(_, vendor)| *vendor)
    }

    /// The vendor's name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "Anthropic",
            Self::OpenAi => "OpenAI",
            Self::OpenRouter => "OpenRouter",
            Self::Google => "Google",
            Self::GitHub => "GitHub",
            Self::Aws => "AWS",
            Self::Stripe => "Stripe",
            Self::Groq => "Groq",
            Self::XAi => "xAI",
            Self::HuggingFace => "Hugging Face",
            Self::Amp => "Amp",
        }
    }

    /// The provider name in Keywright's table that takes this vendor's keys, if one does.
    pub fn provider(self) -> Option<&'static str> {
        match self {
            Self::Anthropic => Some("anthropic"),
            Self::OpenAi => Some("openai"),
            Self::OpenRouter => Some("openrouter"),
            Self::Google => Some("google"),
            Self::Groq => Some("groq"),
            Self::XAi => Some("xai"),
            Self::HuggingFace => Some("huggingface"),
            Self::GitHub => Some("github-copilot"),
            Self::Aws => Some("amazon-bedrock"),
            Self::Stripe | Self::Amp => None,
        }
    }
}

/// Longer prefixes stand before shorter ones that they contain. A bare `sk-` names nobody: half the
/// field uses it.
const PREFIXES: &[(&str, Vendor)] = &[
    ("sk-ant-", Vendor::Anthropic),
    ("sk-proj-", Vendor::OpenAi),
    ("sk-svcacct-", Vendor::OpenAi),
    ("sk-admin-", Vendor::OpenAi),
    ("sk-or-", Vendor::OpenRouter),
    ("AIza", Vendor::Google),
    ("ghp_", Vendor::GitHub),
    ("gho_", Vendor::GitHub),
    ("ghu_", Vendor::GitHub),
    ("ghs_", Vendor::GitHub),
    ("github_pat_", Vendor::GitHub),
    ("AKIA", Vendor::Aws),
    ("ASIA", Vendor::Aws),
    ("sk_live_", Vendor::Stripe),
    ("sk_test_", Vendor::Stripe),
    ("rk_live_", Vendor::Stripe),
    ("rk_test_", Vendor::Stripe),
    ("gsk_", Vendor::Groq),
    ("xai-", Vendor::XAi),
    ("hf_", Vendor::HuggingFace),
    ("sgamp_", Vendor::Amp),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_are_told_by_prefix() {
        for (key, vendor) in [
            ("sk-ant-api03-x", Some(Vendor::Anthropic)),
            ("sk-proj-x", Some(Vendor::OpenAi)),
            ("ghp_x", Some(Vendor::GitHub)),
            ("AIzaSy", Some(Vendor::Google)),
            ("AKIAIOSFODNN7EXAMPLE", Some(Vendor::Aws)),
            ("sk_live_x", Some(Vendor::Stripe)),
            ("sk-x", None),
            ("sk_kw_x", None),
            ("", None),
        ] {
            assert_eq!(Vendor::of(key), vendor, "{key}");
        }
    }
}
