//! Rows about event streams.

use std::time::Duration;

use crate::bench::Fallible;
use crate::bench::scene::{Bench, Load, middle};
use crate::bench::table::{Measure, milliseconds, shown};
use crate::load::Outcome;
use crate::provider::Script;

/// G7: processor time for an event that comes alone, as models send them.
pub(super) fn paced_cost(bench: &Bench) -> Fallible<Vec<Measure>> {
    let script = Script::Paced { events: 200, gap: Duration::from_millis(2) };
    let load = Load::new(script, bench.closed(64));
    let [nginx, keywright] = bench.rounds([bench.nginx(), bench.keywright()], &load)?;
    let (base, ours) = (middle(&nginx, per_event), middle(&keywright, per_event));
    let from = format!("{} us, nginx {} us, 64 streams, an event each 2 ms", shown(ours), shown(base));
    Ok(vec![Measure::new("CPU per event / nginx", ours / base).most(1.5).stretch(1.2).from(from)])
}

/// G8: events that come as fast as they are taken.
pub(super) fn burst(bench: &Bench) -> Fallible<Vec<Measure>> {
    let alone =
        rate(bench, "each event written alone: events a second / nginx", Script::Burst { events: 500 })?;
    let blocks = rate(bench, "in blocks of 8 KiB: events a second / nginx", Script::Blocks { events: 2000 })?;
    Ok(vec![alone, blocks])
}

fn rate(bench: &Bench, name: &'static str, script: Script) -> Fallible<Measure> {
    let load = Load::new(script, bench.closed(16));
    let [nginx, keywright] = bench.rounds([bench.nginx(), bench.keywright()], &load)?;
    let rate = |outcome: &Outcome| outcome.events as f64 / outcome.seconds;
    let (base, ours) = (middle(&nginx, rate), middle(&keywright, rate));
    let from = format!(
        "{} and nginx {} events/s; CPU per event {} us and {} us",
        shown(ours),
        shown(base),
        shown(middle(&keywright, per_event)),
        shown(middle(&nginx, per_event))
    );
    Ok(Measure::new(name, ours / base).least(0.9).stretch(1.0).from(from))
}

/// G9: what a proxy adds to the first event and to each later one.
pub(super) fn paced_delay(bench: &Bench) -> Fallible<Vec<Measure>> {
    let script = Script::Paced { events: 20, gap: Duration::from_millis(20) };
    let load = Load::new(script, bench.closed(8));
    let outcomes = bench.rounds([bench.direct(), bench.nginx(), bench.keywright()], &load)?;
    let [direct, nginx, keywright] = &outcomes;
    let first = [direct, nginx, keywright].map(|it| middle(it, |outcome| outcome.first_event as f64));
    let delay = [direct, nginx, keywright].map(|it| middle(it, |outcome| outcome.delay as f64));
    Ok(vec![
        Measure::added("added time to first event / nginx's", first, milliseconds).most(1.75).stretch(1.25),
        Measure::added("added delay of an event / nginx's", delay, milliseconds).most(1.25).stretch(1.1),
    ])
}

fn per_event(outcome: &Outcome) -> f64 {
    outcome.processor as f64 / outcome.events as f64
}
