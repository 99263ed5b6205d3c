//! Text for a shell.

/// A value in quotes where it needs them, such that a shell reads it as it is.
pub fn shell_quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    always_quoted(value)
}

/// A value in single quotes.
pub fn always_quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for value in ["", "plain", "two words", "it's", "$HOME `x` \"y\" \\", "a\nb", "~", "#x", "*", "é"] {
            for quoted in [shell_quoted(value), always_quoted(value)] {
                let script = format!("printf %s {quoted}");
                let read = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
                assert_eq!(String::from_utf8(read.stdout).unwrap(), value, "{quoted}");
            }
        }
        assert_eq!(shell_quoted("--flag=a/b:c"), "--flag=a/b:c");
    }
}
