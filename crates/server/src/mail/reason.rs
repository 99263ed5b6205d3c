//! Why a mail was not taken, as the log may have it. Mail servers repeat what they like of a mail.

use keywright_secret::Secret;

/// `reason` in one line of readable length, without the code and without any other number that could be one.
pub(super) fn for_the_log(reason: &str, code: Option<&Secret>) -> String {
    let mut reason = reason.to_owned();
    if let Some(code) = code {
        let code = code.expose();
        let halves = code.split_at_checked(code.len() / 2).map(|(left, right)| format!("{left}-{right}"));
        for written in [Some(code.to_owned()), halves].into_iter().flatten().filter(|text| !text.is_empty()) {
            reason = reason.replace(&written, "...");
        }
    }
    let line: String = reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    without_long_numbers(&line)
}

/// The text with each digit of a run of six or more masked: such a run looks like a code.
pub(super) fn without_long_numbers(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let (run, after) = from.split_at(from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len()));
        masked.push_str(before);
        if run.len() < 6 {
            masked.push_str(run);
        } else {
            masked.extend(run.chars().map(|_| '#'));
        }
        rest = after;
    }
    masked + rest
}

const LONGEST: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_runs_of_digits_are_masked() {
        for (text, masked) in [
            ("", ""),
            ("12345", "12345"),
            ("123456", "######"),
            ("a12345b1234567c", "a12345b#######c"),
            ("10.0.26100.1742", "10.0.26100.1742"),
            ("ü123456ü", "ü######ü"),
            ("x1", "x1"),
        ] {
            assert_eq!(without_long_numbers(text), masked);
        }
    }

    #[test]
    fn what_a_mail_server_repeats_of_a_mail_is_not_logged() {
        for (code, reply) in [
            ("482913", "550 spam: \"482913\"\r\nand 482913 again 771204"),
            ("BCDFGHJK", "550 spam: BCDF-GHJK, BCDFGHJK"),
        ] {
            let reason = for_the_log(reply, Some(&Secret::new(code)));
            for part in [code, "BCDF-GHJK", "771204", "\r", "\n"] {
                assert!(!reason.contains(part), "{reason}");
            }
            assert!(reason.starts_with("550 spam"));
        }
        assert_eq!(for_the_log(&"x".repeat(9_999), None).len(), LONGEST);
    }
}
