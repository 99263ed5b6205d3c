//! What the command line asks for.

use std::path::PathBuf;
use std::time::Duration;

use super::Fallible;

/// How to measure, and what.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The rows; all when empty.
    only: Vec<String>,
    /// How often each part has its turn.
    pub(crate) rounds: usize,
    /// A program to measure as it is, instead of one built for the purpose.
    pub(crate) binary: Option<PathBuf>,
    /// How large everything is.
    pub(crate) scale: Scale,
}

/// How large everything is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// As the table asks.
    Full,
    /// Short runs, to see the direction.
    Quick,
    /// Only to see that each row yields a number.
    Smoke,
}

impl Options {
    /// Reads what follows `bench` on the command line.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Fallible<Self> {
        let mut options = Self { only: Vec::new(), rounds: 3, binary: None, scale: Scale::Full };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value; {USAGE}"));
            match argument.as_str() {
                "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
                "--rounds" => {
                    let text = value()?;
                    let rounds = text.parse().ok().filter(|rounds| *rounds > 0);
                    options.rounds = rounds.ok_or(format!("--rounds: `{text}` is no number from 1"))?;
                }
                "--binary" => options.binary = Some(PathBuf::from(value()?)),
                "--quick" => options.scale = Scale::Quick,
                "--smoke" => (options.scale, options.rounds) = (Scale::Smoke, 1),
                _ => return Err(format!("bench does not know `{argument}`; {USAGE}")),
            }
        }
        let unknown = options.only.iter().find(|id| !super::rows::ROWS.iter().any(|row| row.id == **id));
        match unknown {
            Some(id) => Err(format!("--only: there is no row `{id}`; there are {}", super::rows::names())),
            None => Ok(options),
        }
    }

    /// Whether that row is asked for.
    pub(crate) fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == id)
    }

    /// How long a run that counts is.
    pub(crate) fn time(&self) -> Duration {
        match self.scale {
            Scale::Full => Duration::from_secs(5),
            Scale::Quick => Duration::from_millis(1500),
            Scale::Smoke => Duration::from_millis(100),
        }
    }

    /// How long one runs before it counts.
    pub(crate) fn warm_up(&self) -> Duration {
        self.time() / 5
    }

    /// `full`, or less in proportion where it need not be exact.
    pub(crate) fn scaled(&self, full: usize) -> usize {
        match self.scale {
            Scale::Full => full,
            Scale::Quick => full / 10,
            Scale::Smoke => full.div_ceil(500),
        }
    }
}

const USAGE: &str =
    "usage: cargo xtask bench [--only G1,G5] [--rounds 3] [--quick | --smoke] [--binary PATH]";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Fallible<Options> {
        Options::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn rows_rounds_and_a_program_can_be_chosen() {
        let options =
            parse(&["--only", "G1,G5", "--rounds", "5", "--quick", "--binary", "/x"]).expect("good");
        assert!(options.wants("G5") && !options.wants("G4"));
        assert_eq!((options.rounds, options.scale), (5, Scale::Quick));
        assert!(parse(&[]).expect("good").wants("G4"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, named) in [
            (&["--only", "G99"][..], "G99"),
            (&["--rounds", "0"], "`0`"),
            (&["--rounds"], "needs a value"),
            (&["--fast"], "--fast"),
        ] {
            let error = parse(arguments).expect_err("wrong");
            assert!(error.contains(named), "{error}");
        }
    }
}
