//! Whether the licence of a package allows it: SPDX expressions of OR, AND and parentheses.

/// Whether one may choose among the licences of `expression` so that all chosen are in `allowed`. A
/// licence `WITH` an exception counts as the licence, and `/` as OR, as it was written long ago.
pub(super) fn allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, at: 0, allowed };
    let good = reader.either();
    good && reader.at == words.len()
}

struct Reader<'a> {
    words: &'a [&'a str],
    at: usize,
    allowed: &'a [String],
}

impl Reader<'_> {
    fn either(&mut self) -> bool {
        let mut good = self.both();
        while self.take("OR") {
            // Not `||` first: the right side must be read in any case.
            let right = self.both();
            good = good || right;
        }
        good
    }

    fn both(&mut self) -> bool {
        let mut good = self.one();
        while self.take("AND") {
            let right = self.one();
            good = good && right;
        }
        good
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let good = self.either();
            return self.take(")") && good;
        }
        let Some(name) = self.words.get(self.at) else { return false };
        self.at += 1;
        if self.take("WITH") {
            self.at += 1;
        }
        self.allowed.iter().any(|allowed| allowed == name)
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.words.get(self.at) == Some(&word);
        self.at += usize::from(there);
        there
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn expressions_are_weighed() {
        let list = ["MIT".to_owned(), "Apache-2.0".to_owned(), "Unicode-3.0".to_owned()];
        for (expression, good) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
            ("(MIT OR GPL-3.0) AND GPL-3.0", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("GPL-3.0", false),
            ("", false),
            ("(MIT", false),
            ("MIT MIT", false),
        ] {
            assert_eq!(super::allowed(expression, &list), good, "{expression}");
        }
    }
}
