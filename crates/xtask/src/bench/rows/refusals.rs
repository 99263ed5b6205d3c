//! The row about callers who are nobody.

use keywright_secret::{PlatformToken, TokenKind};

use crate::bench::scene::{Bench, Load, Target, middle, per_request};
use crate::bench::table::{Measure, milliseconds, shown};
use crate::bench::{Fallible, part};
use crate::load::Outcome;
use crate::provider::Script;

/// G21: what a token that is none costs, and what a flood of them does to others.
pub(super) fn bad_token(bench: &Bench) -> Fallible<Vec<Measure>> {
    // Well formed, so that the checksum does not tell.
    let unknown: Vec<String> =
        (0..1_000).map(|_| PlatformToken::mint(TokenKind::ApiKey).expose().to_owned()).collect();
    let nobody = Target { part: &bench.keywright.part, tokens: &unknown };
    let good = Load::new(Script::Json, bench.closed(64));
    let bad = Load { status: 401, ..good };
    let (mut base, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..bench.options.rounds {
        base.push(bench.load(bench.keywright(), &good)?);
        ours.push(bench.load(nobody, &bad)?);
    }
    let (base, ours) = (middle(&base, per_request), middle(&ours, per_request));

    let calm = Load::new(Script::Json, bench.open(500));
    let flood = Load { status: 401, shape: bench.open(FLOOD), may_fail: true, ..calm };
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let mut reached = Vec::new();
    for _ in 0..bench.options.rounds {
        alone.push(bench.load(bench.keywright(), &calm)?);
        let flooding = bench.begin(nobody, &flood)?;
        beside.push(bench.load(bench.keywright(), &calm)?);
        reached.push(part::load(flooding)?);
    }
    let p99 = |outcomes: &[Outcome]| middle(outcomes, |it| it.p99 as f64);
    let flood_rate = middle(&reached, crate::bench::scene::per_second);
    Ok(vec![
        Measure::new("CPU / a good request", ours / base).most(0.6).stretch(0.4).from(format!(
            "{} us, a good one {} us",
            shown(ours),
            shown(base)
        )),
        Measure::new("p99 of good ones during a flood / without", p99(&beside) / p99(&alone)).most(1.5).from(
            format!(
                "{} and {}; {} refusals/s of {FLOOD} asked for; the load generator shares one core with it",
                milliseconds(p99(&beside)),
                milliseconds(p99(&alone)),
                shown(flood_rate)
            ),
        ),
    ])
}

const FLOOD: u32 = 10_000;
