//! Rows about what is in the databases already.

use std::path::Path;
use std::time::{Duration, Instant};

use keywright_protocol::KeyId;
use keywright_secret::{PlatformToken, TokenKind};
use keywright_store::testing::{fill_records, fill_tokens};

use super::command_line::until_answered;
use crate::bench::Fallible;
use crate::bench::control::Session;
use crate::bench::keywright::Keywright;
use crate::bench::scene::{Bench, Load, Target, middle, per_request};
use crate::bench::table::{Measure, milliseconds, shown};
use crate::load::Shape;
use crate::process;
use crate::provider::Script;

/// G12: many tokens in the database, a thousand of them in use, and then many in use.
pub(super) fn tokens(bench: &Bench) -> Fallible<Vec<Measure>> {
    let many = bench.options.scaled(1_000_000);
    let few = 1_000.min(many);
    let (small, _, _) = with_tokens(bench, "few-tokens", few)?;
    let (large, rest, start) = with_tokens(bench, "many-tokens", many)?;
    let load = Load::new(Script::Json, bench.closed(64));
    let [base, ours] = bench.rounds([small.target(), large.target()], &load)?;
    let (base_cost, cost) = (middle(&base, per_request), middle(&ours, per_request));

    // Enough time for each token to be used once.
    let used = &rest[..bench.options.scaled(100_000).min(rest.len())];
    let before = process::resident(&large.part.processes);
    let time = Duration::from_micros(150) * u32::try_from(used.len()).unwrap_or(u32::MAX);
    let shape = Shape::Closed { connections: 64, warm_up: Duration::ZERO, time };
    let outcome = bench.load(
        Target { part: &large.part, tokens: used },
        &Load { body: 256, ..Load::new(Script::Json, shape) },
    )?;
    let counted = used.len().min(usize::try_from(outcome.requests).unwrap_or(usize::MAX));
    let bytes = outcome.memory.saturating_sub(before) as f64 * 1024.0 / counted as f64;
    Ok(vec![
        Measure::new("CPU ratio", cost / base_cost).most(1.05).stretch(1.02).from(format!(
            "{} us with {few}, {} us with {many}, {few} in use",
            shown(base_cost),
            shown(cost)
        )),
        Measure::new("bytes for each token in use", bytes)
            .most(150.0)
            .stretch(100.0)
            .from(format!("{counted} tokens used; one that is only stored takes none")),
        Measure::new("start, s", start.as_secs_f64())
            .most(1.0)
            .stretch(0.2)
            .from(format!("to the first answered request, with {many}")),
    ])
}

/// A Keywright with so many tokens stored, the first thousand as its keys; the others; how long its start
/// took.
fn with_tokens(bench: &Bench, name: &str, count: usize) -> Fallible<(Keywright, Vec<String>, Duration)> {
    let setting = bench.setting(name);
    let mut keywright = Keywright::start(&setting)?;
    keywright.part.stop();
    let pattern = PlatformToken::parse(&keywright.keys[0]).map_err(|error| error.to_string())?;
    let mut tokens: Vec<PlatformToken> = (0..count).map(|_| PlatformToken::mint(TokenKind::ApiKey)).collect();
    fill_tokens(&setting.folder, &pattern.hash(), tokens.iter().map(|token| (KeyId::new(), token.hash())));
    let rest: Vec<String> =
        tokens.split_off(count.min(1_000)).iter().map(|token| token.expose().to_owned()).collect();
    let begun = Instant::now();
    let part = setting.serve()?;
    until_answered(part.address, &keywright.keys[0])?;
    let start = begun.elapsed();
    let keys = tokens.iter().map(|token| token.expose().to_owned()).collect();
    Ok((Keywright { part, account: keywright.account, keys }, rest, start))
}

/// G13: many records in the database.
pub(super) fn records(bench: &Bench) -> Fallible<Vec<Measure>> {
    let many = bench.options.scaled(10_000_000);
    let empty = Keywright::start(&bench.setting("no-records"))?;
    let full = with_records(bench, &bench.folder("many-records"), many)?;
    let load = Load::new(Script::Json, bench.closed(64));
    let [base, ours] = bench.rounds([empty.target(), full.target()], &load)?;
    let (base_cost, cost) = (middle(&base, per_request), middle(&ours, per_request));
    let alone = Load::new(Script::Json, bench.closed(1));
    let [base, ours] = bench.rounds([empty.target(), full.target()], &alone)?;
    let tails = [middle(&base, |it| it.p99 as f64), middle(&ours, |it| it.p99 as f64)];
    let mut pages = Vec::new();
    let mut session = Session::open(full.part.address)?;
    for _ in 0..bench.options.rounds.max(5) {
        let begun = Instant::now();
        session.call("GET", "/api/v1/requests", &full.account, None)?;
        pages.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(vec![
        Measure::new("CPU ratio", cost / base_cost).most(1.1).from(format!(
            "{} us with none, {} us with {many}",
            shown(base_cost),
            shown(cost)
        )),
        Measure::new("p99 ratio of a call, which waits for two inserts", tails[1] / tails[0]).most(1.1).from(
            format!(
                "{} with none, {} with {many}, one connection",
                milliseconds(tails[0]),
                milliseconds(tails[1])
            ),
        ),
        Measure::new("first page of the list, ms", crate::figures::median(pages))
            .most(300.0)
            .from(format!("a page of 100 of {many}")),
    ])
}

fn with_records(bench: &Bench, folder: &Path, count: usize) -> Fallible<Keywright> {
    let setting = bench.setting("many-records");
    let mut keywright = Keywright::start(&setting)?;
    until_answered(keywright.part.address, &keywright.keys[0])?;
    keywright.part.stop();
    fill_records(folder, count);
    keywright.part = setting.serve()?;
    Ok(keywright)
}
