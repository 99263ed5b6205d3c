//! The upstreams that are configured. Immutable: a change of configuration makes a new one.

use std::sync::Arc;

use keywright_dial::{BadDestination, Destination, Reach};
use keywright_providers::{Dialect, KeyHeader};
use url::Url;

use crate::models::Lists;

/// Where calls for one provider go.
#[derive(Debug)]
pub struct Upstream {
    /// The provider's name, as in `/gateway/{name}/...`.
    pub name: String,
    /// What it speaks; more than one only for the demo provider.
    pub dialects: Vec<Dialect>,
    pub(crate) destination: Destination,
    pub(crate) authority: http::HeaderValue,
    base_path: String,
    key_header: Option<KeyHeader>,
    /// Whether openai's version is in the base address, as that vendor's SDK takes it.
    version_in_base: bool,
}

impl Upstream {
    /// An upstream at `base_url`, which is what the vendor's own SDK takes. `key_header` is where it
    /// wants its key; its dialect's usual place when left out.
    ///
    /// # Errors
    /// [`BadDestination`] when the address is not http or https with a host.
    pub fn new(
        name: impl Into<String>,
        dialects: Vec<Dialect>,
        base_url: &Url,
        reach: Reach,
        key_header: Option<KeyHeader>,
    ) -> Result<Self, BadDestination> {
        let destination = Destination::of(base_url, reach)?;
        let authority = http::HeaderValue::from_str(&destination.authority()).map_err(|_| BadDestination)?;
        let base_path = base_url.path().trim_end_matches('/').to_owned();
        Ok(Self {
            name: name.into(),
            dialects,
            destination,
            authority,
            base_path,
            key_header,
            version_in_base: true,
        })
    }

    /// With a base address that has no version in it in any dialect.
    #[must_use]
    pub fn with_versioned_paths(mut self) -> Self {
        self.version_in_base = false;
        self
    }

    /// Where its connections go.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    pub(crate) fn speaks(&self, dialect: Dialect) -> bool {
        self.dialects.contains(&dialect)
    }

    /// The header in which it wants its key when spoken to in `dialect`.
    pub(crate) fn key_header(&self, dialect: Dialect) -> KeyHeader {
        self.key_header.unwrap_or(match dialect {
            Dialect::Anthropic => KeyHeader::XApiKey,
            Dialect::OpenAi => KeyHeader::Bearer,
            Dialect::Gemini => KeyHeader::XGoogApiKey,
        })
    }

    /// The path at the upstream of a vendor's documented path, for which openai's base address has
    /// the version in it already.
    pub(crate) fn path_of(&self, dialect: Dialect, path: &str) -> String {
        let below = match dialect {
            Dialect::OpenAi if self.version_in_base => path.strip_prefix("/v1").unwrap_or(path),
            Dialect::OpenAi | Dialect::Anthropic | Dialect::Gemini => path,
        };
        format!("{}{below}", self.base_path)
    }
}

/// All upstreams.
#[derive(Debug, Default)]
pub struct Catalog {
    upstreams: Vec<Arc<Upstream>>,
    /// What they say that they have.
    pub(crate) lists: Lists,
}

impl Catalog {
    /// A catalog of these; of two with one name the first counts.
    pub fn new(upstreams: Vec<Upstream>) -> Self {
        Self { upstreams: upstreams.into_iter().map(Arc::new).collect(), lists: Lists::default() }
    }

    /// All of them, in the order in which they are configured.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Upstream>> {
        self.upstreams.iter()
    }

    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.iter().find(|upstream| upstream.name == name)
    }

    /// The upstream for a native path: for a model that begins with the name of the demo provider that
    /// one, else the provider named as the dialect's own vendor, else the only one that speaks it.
    pub(crate) fn native(&self, dialect: Dialect, model: Option<&str>) -> Native<'_> {
        if let Some(demo) = self.named(DEMO).filter(|_| model.is_some_and(is_demo_model)) {
            return Native::One(demo);
        }
        let mut speaking = self.upstreams.iter().filter(|upstream| upstream.speaks(dialect));
        if let Some(home) = self.named(dialect.home()).filter(|home| home.speaks(dialect)) {
            return Native::One(home);
        }
        if let Some(named) = self.named(dialect.as_str()).filter(|named| named.speaks(dialect)) {
            return Native::One(named);
        }
        // The demo provider stands in only where nothing else does.
        let mut others =
            self.upstreams.iter().filter(|upstream| upstream.speaks(dialect) && upstream.name != DEMO);
        match (others.next(), others.next()) {
            (Some(only), None) => Native::One(only),
            (Some(_), Some(_)) => Native::Several(speaking.map(|upstream| upstream.name.as_str()).collect()),
            (None, _) => speaking.next().map_or(Native::Nobody, Native::One),
        }
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.upstreams.iter().map(|upstream| upstream.name.as_str()).collect()
    }
}

/// Who serves a native path.
#[derive(Debug)]
pub(crate) enum Native<'c> {
    One(&'c Arc<Upstream>),
    Several(Vec<&'c str>),
    Nobody,
}

fn is_demo_model(model: &str) -> bool {
    model == DEMO || model.starts_with("demo-")
}

/// The name of the built-in demo provider.
pub const DEMO: &str = "demo";

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(name: &str, dialects: &[Dialect], base_url: &str) -> Upstream {
        Upstream::new(name, dialects.to_vec(), &base_url.parse().expect("a URL"), Reach::Exactly, None)
            .expect("an upstream")
    }

    fn chosen(upstreams: Vec<Upstream>, dialect: Dialect, model: &str) -> String {
        match Catalog::new(upstreams).native(dialect, Some(model)) {
            Native::One(upstream) => upstream.name.clone(),
            Native::Several(names) => names.join("|"),
            Native::Nobody => "nobody".to_owned(),
        }
    }

    #[test]
    fn a_native_path_goes_home_or_to_the_only_one() {
        let openai = |name: &str| upstream(name, &[Dialect::OpenAi], "https://h.example/v1");
        let demo = || upstream(DEMO, &Dialect::ALL, "http://127.0.0.1:1");
        assert_eq!(chosen(vec![openai("groq"), openai("openai")], Dialect::OpenAi, "m"), "openai");
        assert_eq!(chosen(vec![openai("groq")], Dialect::OpenAi, "m"), "groq");
        assert_eq!(chosen(vec![openai("groq"), openai("xai")], Dialect::OpenAi, "m"), "groq|xai");
        assert_eq!(chosen(vec![openai("groq")], Dialect::Gemini, "m"), "nobody");
        assert_eq!(chosen(vec![demo(), openai("groq")], Dialect::OpenAi, "m"), "groq");
        assert_eq!(chosen(vec![demo(), openai("groq")], Dialect::OpenAi, "demo-small"), "demo");
        assert_eq!(chosen(vec![demo()], Dialect::Gemini, "gemini-3"), "demo");
    }

    #[test]
    fn paths_join_the_base_address_as_the_vendors_sdk_would() {
        for (base, dialect, path, joined) in [
            ("https://api.anthropic.com", Dialect::Anthropic, "/v1/messages", "/v1/messages"),
            (
                "https://api.minimax.io/anthropic/",
                Dialect::Anthropic,
                "/v1/messages",
                "/anthropic/v1/messages",
            ),
            ("https://api.openai.com/v1", Dialect::OpenAi, "/v1/chat/completions", "/v1/chat/completions"),
            (
                "https://api.z.ai/api/paas/v4",
                Dialect::OpenAi,
                "/v1/chat/completions",
                "/api/paas/v4/chat/completions",
            ),
            (
                "https://g.example",
                Dialect::Gemini,
                "/v1beta/models/m:countTokens",
                "/v1beta/models/m:countTokens",
            ),
        ] {
            assert_eq!(upstream("x", &[dialect], base).path_of(dialect, path), joined);
        }
    }
}
