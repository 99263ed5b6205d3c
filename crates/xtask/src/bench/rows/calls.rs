//! Rows about whole answers.

use crate::bench::Fallible;
use crate::bench::scene::{Bench, Load, middle, per_request, per_second};
use crate::bench::table::{Measure, milliseconds, shown};
use crate::provider::Script;

/// G1: processor time for a request of 1 KiB and its answer.
pub(super) fn small(bench: &Bench) -> Fallible<Vec<Measure>> {
    let ratio = cost(bench, 1024)?;
    Ok(vec![ratio.most(2.5).stretch(2.0)])
}

/// G4: the same with a long prompt.
pub(super) fn large(bench: &Bench) -> Fallible<Vec<Measure>> {
    let ratio = cost(bench, 128 * 1024)?;
    Ok(vec![ratio.most(1.4).stretch(1.1)])
}

fn cost(bench: &Bench, body: usize) -> Fallible<Measure> {
    let load = Load { body, ..Load::new(Script::Json, bench.closed(64)) };
    let [nginx, keywright] = bench.rounds([bench.nginx(), bench.keywright()], &load)?;
    let (base, ours) = (middle(&nginx, per_request), middle(&keywright, per_request));
    let (base_rate, rate) = (middle(&nginx, per_second), middle(&keywright, per_second));
    Ok(Measure::new("CPU per request / nginx", ours / base).from(format!(
        "{} us, nginx {} us; {} and {} requests/s",
        shown(ours),
        shown(base),
        shown(rate),
        shown(base_rate)
    )))
}

/// G5: what a proxy adds to a call when there is no other.
pub(super) fn latency(bench: &Bench) -> Fallible<Vec<Measure>> {
    let load = Load::new(Script::Json, bench.closed(1));
    let targets = [bench.direct(), bench.nginx(), bench.keywright()];
    let values = bench.rounds(targets, &load)?.map(|outcomes| middle(&outcomes, |it| it.p50 as f64));
    Ok(vec![Measure::added("added p50 / nginx's", values, milliseconds).most(1.25).stretch(1.1)])
}

/// G6: what it adds to all but one call in a hundred, at a rate that leaves it time.
pub(super) fn tail(bench: &Bench) -> Fallible<Vec<Measure>> {
    let load = Load::new(Script::Json, bench.open(500));
    let targets = [bench.direct(), bench.nginx(), bench.keywright()];
    let values = bench.rounds(targets, &load)?.map(|outcomes| middle(&outcomes, |it| it.p99 as f64));
    Ok(vec![Measure::added("added p99 / nginx's", values, milliseconds).most(1.5).stretch(1.1)])
}
