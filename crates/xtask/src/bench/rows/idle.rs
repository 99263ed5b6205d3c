//! Rows about memory, and about what costs nothing but that.

use std::time::Duration;

use crate::bench::keywright::Keywright;
use crate::bench::scene::{Bench, Load};
use crate::bench::table::{Measure, shown};
use crate::bench::{Fallible, nginx};
use crate::load::{Outcome, Shape};
use crate::process;
use crate::provider::Script;

/// G10: memory of a fresh process, and the most after a load.
pub(super) fn memory(bench: &Bench) -> Fallible<Vec<Measure>> {
    let keywright = Keywright::start(&bench.setting("memory"))?;
    std::thread::sleep(bench.options.time());
    let watched = &keywright.part.processes;
    let idle = process::resident(watched) as f64 / 1024.0;
    let before = process::processor_time(watched);
    std::thread::sleep(bench.options.time());
    let per_second = (process::processor_time(watched) - before) as f64 / bench.options.time().as_secs_f64();
    let load = Load::new(Script::Json, bench.closed(64));
    let outcome = bench.load(keywright.target(), &load)?;
    let peak = outcome.memory_peak as f64 / 1024.0;
    Ok(vec![
        Measure::new("idle, MiB", idle)
            .most(15.0)
            .stretch(10.0)
            .from(format!("CPU while idle {} us/s", shown(per_second))),
        Measure::new("peak at 64 connections, MiB", peak).most(40.0).stretch(25.0),
    ])
}

/// G11: streams on which next to nothing happens.
pub(super) fn streams(bench: &Bench) -> Fallible<Vec<Measure>> {
    let streams = bench.options.scaled(9_500);
    let gap = bench.options.time() * 2;
    let script = Script::Paced { events: 4, gap };
    let shape = Shape::Held { streams, opening: 64, settle: gap / 2 };
    let load = Load { may_fail: true, body: 256, ..Load::new(script, shape) };
    // Fresh ones: memory that was in use before would be used again and not be seen.
    let plain = nginx::start(bench.cores, &bench.folder("nginx-streams"), bench.provider.address)?;
    let base = bench.load(bench.at_nginx(&plain), &load)?;
    drop(plain);
    let keywright = Keywright::start(&bench.setting("streams"))?;
    // What the first call of a process sets up is no stream's.
    let first = Shape::Closed { connections: 1, warm_up: Duration::ZERO, time: Duration::from_millis(100) };
    bench.load(keywright.target(), &Load::new(Script::Json, first))?;
    let ours = bench.load(keywright.target(), &load)?;
    let each =
        |outcome: &Outcome| outcome.memory.saturating_sub(outcome.memory_before) as f64 / streams as f64;
    let why =
        |outcome: &Outcome| outcome.first_failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    Ok(vec![
        Measure::new("KiB each", each(&ours))
            .most(32.0)
            .stretch(24.0)
            .from(format!("{streams} streams; nginx {} KiB", shown(each(&base)))),
        Measure::new("lost", ours.failures as f64).most(0.0).from(
            format!("{}; nginx {}{}", why(&ours), base.failures, why(&base))
                .trim_start_matches("; ")
                .to_owned(),
        ),
        Measure::new("CPU / nginx", ours.processor as f64 / base.processor as f64).most(1.3).from(format!(
            "{} us and nginx {} us for each stream: opening, 4 events, closing",
            shown(ours.processor as f64 / streams as f64),
            shown(base.processor as f64 / streams as f64)
        )),
    ])
}
