//! Figures, and what they are held against.

use super::rows::Row;

/// A figure that was measured.
#[derive(Clone, Debug)]
pub(crate) struct Measure {
    /// What it is.
    pub(super) name: &'static str,
    /// Its value.
    pub(super) value: f64,
    /// What it must not exceed, or must reach.
    pub(super) goal: Option<Bound>,
    /// The same for those who want more.
    pub(super) stretch: Option<Bound>,
    /// The absolute values that it comes from.
    pub(super) from: String,
}

/// On which side of a value is good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    /// That much or less.
    Most(f64),
    /// That much or more.
    Least(f64),
}

impl Measure {
    pub(super) fn new(name: &'static str, value: f64) -> Self {
        Self { name, value, goal: None, stretch: None, from: String::new() }
    }

    /// What Keywright adds to a value that there is without any proxy, against what nginx adds; `values`
    /// are those of the provider itself, of nginx and of Keywright.
    pub(super) fn added(name: &'static str, values: [f64; 3], shown: fn(f64) -> String) -> Self {
        let [direct, nginx, keywright] = values;
        let from = format!("{}, nginx {}, direct {}", shown(keywright), shown(nginx), shown(direct));
        Self::new(name, (keywright - direct) / (nginx - direct)).from(from)
    }

    /// The goal is that much or less.
    pub(super) fn most(self, most: f64) -> Self {
        Self { goal: Some(Bound::Most(most)), ..self }
    }

    /// The goal is that much or more.
    pub(super) fn least(self, least: f64) -> Self {
        Self { goal: Some(Bound::Least(least)), ..self }
    }

    /// Better than the goal, in the same direction.
    pub(super) fn stretch(self, value: f64) -> Self {
        let stretch = match self.goal {
            Some(Bound::Least(_)) => Bound::Least(value),
            _ => Bound::Most(value),
        };
        Self { stretch: Some(stretch), ..self }
    }

    /// Says what it comes from.
    pub(super) fn from(self, from: String) -> Self {
        Self { from, ..self }
    }

    /// What came of it.
    pub(super) fn verdict(&self) -> &'static str {
        match (self.goal, self.stretch) {
            (Some(goal), _) if !goal.holds(self.value) => "MISSED",
            (_, Some(stretch)) if stretch.holds(self.value) => "met, stretch too",
            (None, None) => "no goal",
            _ => "met",
        }
    }

    /// All of it in a line.
    pub(super) fn line(&self) -> String {
        let Self { name, value, from, .. } = self;
        let (goal, stretch) = (bound(self.goal), bound(self.stretch));
        format!("{name}: {} (goal {goal}, stretch {stretch}): {}; {from}", shown(*value), self.verdict())
            .trim_end_matches("; ")
            .to_owned()
    }
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Most(most) => value <= most,
            Self::Least(least) => value >= least,
        }
    }
}

/// A bound in words.
pub(super) fn bound(bound: Option<Bound>) -> String {
    match bound {
        Some(Bound::Most(most)) => format!("<= {most}"),
        Some(Bound::Least(least)) => format!(">= {least}"),
        None => "-".to_owned(),
    }
}

/// A value with as many digits as mean something.
pub(super) fn shown(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Nanoseconds, as milliseconds.
pub(super) fn milliseconds(nanoseconds: f64) -> String {
    format!("{:.3} ms", nanoseconds / 1e6)
}

/// The table for a terminal.
pub(super) fn text(measured: &[(&Row, Vec<Measure>)]) -> String {
    let mut lines = String::new();
    for (row, measures) in measured {
        for measure in measures {
            lines.push_str(&format!("{:4} {}\n", row.id, measure.line()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_or_missed_and_never_in_between() {
        let most = |value| Measure::new("x", value).most(2.5).stretch(2.0).verdict();
        assert_eq!([most(2.0), most(2.5), most(2.51)], ["met, stretch too", "met", "MISSED"]);
        let least = |value| Measure::new("x", value).least(0.9).stretch(1.0).verdict();
        assert_eq!([least(1.0), least(0.9), least(0.89)], ["met, stretch too", "met", "MISSED"]);
        assert_eq!(most(f64::NAN), "MISSED", "what was not measured is not met");
    }

    #[test]
    fn without_a_goal_nothing_is_met() {
        assert_eq!(Measure::new("x", 1.0).verdict(), "no goal");
    }

    #[test]
    fn what_is_added_is_what_is_there_beyond_the_direct_call() {
        let measure = Measure::added("x", [1e6, 2e6, 2.5e6], milliseconds).most(1.25);
        assert_eq!((measure.value, measure.verdict()), (1.5, "MISSED"));
        assert_eq!(measure.from, "2.500 ms, nginx 2.000 ms, direct 1.000 ms");
    }
}
