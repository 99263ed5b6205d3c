//! `docs/reference/performance.md`: the figures, where they were measured and how. One section of it is
//! kept by hand, and is still there when the rest is written anew.

use super::nginx;
use super::rows::Row;
use super::table::{Measure, bound, shown};

/// The page, with the section kept by hand taken from `before`.
pub(super) fn page(before: &str, machine: &[(&str, String)], measured: &[(&Row, Vec<Measure>)]) -> String {
    let machine: String = machine.iter().map(|(what, value)| format!("| {what} | {value} |\n")).collect();
    let mut figures = String::new();
    for (row, measures) in measured {
        for measure in measures {
            let Measure { name, value, goal, stretch, from } = measure;
            let (goal, stretch, verdict) = (bound(*goal), bound(*stretch), measure.verdict());
            let verdict = if verdict == "MISSED" { "**MISSED**" } else { verdict };
            let value = shown(*value);
            let cells = [row.id, row.figure, name, &goal, &stretch, &value, verdict, from];
            figures.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
    }
    TEMPLATE
        .replace("@MACHINE@", &machine)
        .replace("@FIGURES@", &figures)
        .replace("@REASONS@", reasons(before).trim())
        .replace("@NGINX@", nginx::CONFIGURATION.trim_end())
}

/// The rows that were missed and have no word in the section kept by hand.
pub(super) fn unexplained(page: &str, measured: &[(&Row, Vec<Measure>)]) -> Vec<&'static str> {
    let reasons = reasons(page);
    let explained = |id: &str| reasons.split(|c: char| !c.is_alphanumeric()).any(|word| word == id);
    let missed = measured.iter().filter(|(_, measures)| measures.iter().any(|it| it.verdict() == "MISSED"));
    missed.map(|(row, _)| row.id).filter(|id| !explained(id)).collect()
}

fn reasons(page: &str) -> &str {
    let after = page.split_once(BEGIN).map_or("", |(_, after)| after);
    after.split_once(END).map_or("", |(reasons, _)| reasons)
}

const BEGIN: &str = "<!-- kept by hand: begin -->";
const END: &str = "<!-- kept by hand: end -->";

const TEMPLATE: &str = r#"# Performance

Written by `cargo xtask bench`, all but the section "Missed, and why", which is kept by hand. Figures are ratios to the
nginx of the same run wherever there is one. A figure that is missed is written down as missed.

## Where

| | |
| --- | --- |
@MACHINE@
## Figures

| # | figure | measured | goal | stretch | value | | from |
| --- | --- | --- | --- | --- | --- | --- | --- |
@FIGURES@
## Missed, and why

<!-- kept by hand: begin -->
@REASONS@
<!-- kept by hand: end -->

## How

Each proxy is alone on the last core (`taskset`, the whole process, so that Keywright's writer and control threads count);
provider and load generator share the first. The parts take turns in rounds, and the middle of the rounds counts.
CPU is user and system time of the process and its children, from `/proc/PID/stat` at the beginning and the end of a run of
five seconds that one second of the same load came before. Nothing is taken off for an idle process: G10 shows what that
uses. Times are the load generator's, and hold only as far as the machine had nothing else to do.

**Keywright** is what is shipped: token check, scope and model gate, key swap, usage accounting, `records.mode = "strict"`,
SQLite on the disk that the build is on, one data-plane thread because it has one core. Its account was claimed, since
temporary ones share a small rate. Rows about memory, start and stored rows start a Keywright of their own.

**nginx** is Debian's nginx-light with one worker and this configuration. Its bodies stay in memory as Keywright's do, and
answers are passed on as they come. Words between `@` are filled in:

```nginx
@NGINX@
```

**Provider**: one thread, the anthropic dialect; about 1 KiB of JSON with a length, or event streams in which each event of
170 bytes is a chunk of HTTP. **Load**: connections stay open; closed loop, or for p99 so many requests a second whatever
comes back, or streams that are all held at once. Requests have 1 KiB but for G4.

- G5, G6, G9: *added* is the time through the proxy less the time without one, against the same of nginx.
- G8: 16 streams. Written alone, each event is a write of its own of the provider; in blocks, as many as fit in 8 KiB are one.
- G11: fresh processes, 9,500 streams opened 64 at a time, an event every 10 s, memory read 5 s after all were open, then
  read to their end. `ulimit -n` of 20,000 is enough for both sides.
- G12: a thousand of the tokens are used in turn; then a hundred thousand once each, for the bytes of a token in use.
- G13: a call waits for two inserts, so the tail of calls stands for theirs.
- G20: half of 300 keys, each made, used, deleted and refused, on connections that stay open; beside each a write of 4 KiB
  into a file of full length and its fdatasync, in the same folder.
- G21: a thousand unknown tokens with a good checksum in turn; the flood is 10,000 of them a second beside 500 good requests.
- M1, M2: sign-ups one after the other on one connection, each from an address of its own by a trusted proxy's word; mails are
  files. M2 is four wrong codes for each of a hundred.
- M3, M4, M5: a thousand of each, one after the other on one connection, at the pages and endpoints that applications use: a
  press of "Let it in", each code's exchange, then a refresh of each; ten applications ask for a hundred times each.
  What a CPU second is good for is their number by the processor time of the process.
- G22: 400 starts each, taking turns, with an empty home.
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::rows::ROWS;

    #[test]
    fn what_is_kept_by_hand_stays_and_what_it_lacks_is_named() {
        let missed = Measure::new("ratio", 3.0).most(2.5);
        let met = Measure::new("ratio", 1.0).most(2.5);
        let measured =
            [(&ROWS[0], vec![met.clone(), missed.clone()]), (&ROWS[1], vec![missed]), (&ROWS[2], vec![met])];
        let machine = [("date", "2026-01-01".to_owned())];
        let first = page("", &machine, &measured);
        assert!(first.contains("| date | 2026-01-01 |") && first.contains("**MISSED**"), "{first}");
        assert_eq!(unexplained(&first, &measured), ["G1", "G4"]);
        let explained = first.replace(&format!("{BEGIN}\n"), &format!("{BEGIN}\n- **G1**: two writes."));
        assert_eq!(unexplained(&explained, &measured), ["G4"]);
        let second = page(&explained, &machine, &measured);
        assert_eq!(second, explained);
    }
}
