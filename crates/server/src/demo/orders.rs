//! What the last message may order: delays, lengths and faults, as words such as `demo:gap=200ms`.
//!
//! | order | effect |
//! | --- | --- |
//! | `demo:delay=500ms` | that long before the first byte |
//! | `demo:gap=200ms` | that long between two events of a stream |
//! | `demo:words=50` | an answer of that many words |
//! | `demo:status=429` | an error of that status, 400 to 599 |
//! | `demo:cut` | the answer breaks off inside an event |
//! | `demo:silent` | the head of the answer, then nothing |
//! | `demo:no-usage` | no token counts |
//!
//! A word that is not in this table is prose.

use std::time::Duration;

use super::wire::Fault;
use crate::config::units;

/// The orders of one message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Orders {
    pub(super) delay: Option<Duration>,
    pub(super) gap: Option<Duration>,
    pub(super) words: Option<usize>,
    pub(super) status: Option<u16>,
    pub(super) cut: bool,
    pub(super) silent: bool,
    pub(super) no_usage: bool,
}

impl Orders {
    pub(super) fn read(message: &str) -> Result<Self, Fault> {
        let mut orders = Self::default();
        for word in message.split_whitespace() {
            let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            if let Some(order) = word.strip_prefix("demo:") {
                let (name, value) = order.split_once('=').unwrap_or((order, ""));
                orders
                    .take(name, value)
                    .ok_or_else(|| Fault::new(400, format!("`{word}` is not an order that fits.")))?;
            }
        }
        Ok(orders)
    }

    fn take(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "delay" => self.delay = Some(wait(value)?),
            "gap" => self.gap = Some(wait(value)?),
            "words" => self.words = Some(value.parse().ok().filter(|n| (1..=MOST_WORDS).contains(n))?),
            "status" => self.status = Some(value.parse().ok().filter(|n| (400..600).contains(n))?),
            "cut" => self.cut = true,
            "silent" => self.silent = true,
            "no-usage" => self.no_usage = true,
            _ => {}
        }
        Some(())
    }
}

fn wait(value: &str) -> Option<Duration> {
    units::duration(value).filter(|wait| *wait <= LONGEST_WAIT)
}

const LONGEST_WAIT: Duration = Duration::from_secs(600);
const MOST_WORDS: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_stand_anywhere_in_the_message() {
        let orders = Orders::read(
            "Please (demo:delay=500ms) demo:gap=2s, demo:words=50\ndemo:status=429 `demo:cut` demo:silent \
             demo:no-usage.",
        );
        assert_eq!(
            orders.expect("reads"),
            Orders {
                delay: Some(Duration::from_millis(500)),
                gap: Some(Duration::from_secs(2)),
                words: Some(50),
                status: Some(429),
                cut: true,
                silent: true,
                no_usage: true,
            }
        );
    }

    #[test]
    fn prose_is_no_order() {
        for text in ["", "a demo: of things", "demo:something", "see demo:foo=1"] {
            assert_eq!(Orders::read(text).expect(text), Orders::default(), "{text}");
        }
    }

    #[test]
    fn an_order_that_does_not_fit_is_an_error() {
        for text in ["demo:delay=soon", "demo:gap=11m", "demo:words=0", "demo:status=200", "demo:words"] {
            assert_eq!(Orders::read(text).expect_err(text).status, 400, "{text}");
        }
    }
}
