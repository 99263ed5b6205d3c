//! Resource indicators, RFC 8707: what a token is good for.

use url::{Origin, Url};

use crate::oauth::{OAuthCode, OAuthError};

/// The resources that this server gives out tokens for.
#[derive(Clone, Debug)]
pub(crate) struct Resources {
    home: Option<Origin>,
    others: Vec<String>,
}

impl Resources {
    /// This server, whose address is `issuer`, and `others` as they are written.
    pub(crate) fn new(issuer: &str, others: &[String]) -> Self {
        Self { home: Url::parse(issuer).ok().map(|url| url.origin()), others: others.to_vec() }
    }

    /// Whether a token for that resource is good here; one that names none is. Another resource stays another
    /// if it stands at the same origin, behind the same reverse proxy for instance.
    pub(crate) fn is_home(&self, audience: Option<&str>) -> bool {
        audience.is_none_or(|text| {
            let here = Url::parse(text).is_ok_and(|url| Some(url.origin()) == self.home);
            here && !self.others.iter().any(|other| other == text)
        })
    }

    /// Reads the `resource` parameters of a request for something new.
    ///
    /// # Errors
    /// `invalid_target` when there are too many or too long ones, or one of them is not an absolute URL without
    /// fragment that this server knows.
    pub(crate) fn asked(&self, texts: &[String]) -> Result<String, OAuthError> {
        if texts.len() > MOST || texts.iter().map(String::len).sum::<usize>() > MOST_BYTES {
            return Err(OAuthError::new(
                OAuthCode::InvalidTarget,
                "At most 8 resources of 2000 bytes in all may be asked for at once.",
            ));
        }
        for text in texts {
            // A parser that takes blanks out would let two spellings pass for one.
            let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
            let url = Url::parse(text).ok().filter(|url| plain && url.fragment().is_none() && url.has_host());
            let known = url.is_some_and(|url| Some(url.origin()) == self.home || self.others.contains(text));
            if !known {
                return Err(OAuthError::new(
                    OAuthCode::InvalidTarget,
                    "The resource must be an absolute URL without fragment, of this server or one that its \
                     operator configured.",
                ));
            }
        }
        Ok(texts.join(" "))
    }

    /// Which of the `granted` resources a token is for: the one that is asked for, else the first.
    ///
    /// # Errors
    /// `invalid_target` when it was not granted.
    pub(crate) fn chosen(&self, granted: &str, asked: &[String]) -> Result<Option<String>, OAuthError> {
        match asked {
            [] => Ok(granted.split(' ').next().filter(|text| !text.is_empty()).map(str::to_owned)),
            [one] if granted.split(' ').any(|known| known == one) => Ok(Some(one.clone())),
            // Nothing was named, which means this server.
            [one] if granted.is_empty() && self.is_home(Some(one)) => {
                self.asked(asked)?;
                Ok(Some(one.clone()))
            }
            [_] => {
                Err(OAuthError::new(OAuthCode::InvalidTarget, "The sign-in did not ask for that resource."))
            }
            _ => Err(OAuthError::new(
                OAuthCode::InvalidTarget,
                "A token is for one resource; ask for each in turn.",
            )),
        }
    }
}

/// How many resources one request may name.
const MOST: usize = 8;
/// How long those may be in all: they are kept with the session.
const MOST_BYTES: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_that_was_configured_is_another_wherever_it_stands() {
        let others = ["https://keys.example/mcp".to_owned(), "https://mcp.example/tools".to_owned()];
        let resources = Resources::new("https://keys.example", &others);
        for home in [None, Some("https://keys.example"), Some("https://keys.example/api/v1")] {
            assert!(resources.is_home(home), "{home:?}");
        }
        for other in
            ["https://keys.example/mcp", "https://mcp.example/tools", "https://keys.example:8443", ""]
        {
            assert!(!resources.is_home(Some(other)), "{other}");
        }
    }
}
