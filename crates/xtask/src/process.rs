//! What the system knows of a process: processor time and memory, from `/proc`.

use std::collections::BTreeSet;
use std::fs;

/// `root` and everything that descends from it.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|process| Some((process, stat(process)?.parent)))
        .collect();
    let mut found = BTreeSet::from([root]);
    loop {
        let before = found.len();
        found.extend(
            parents
                .iter()
                .filter(|(_, parent)| found.contains(parent))
                .map(|(it, _)| *it)
                .collect::<Vec<_>>(),
        );
        if found.len() == before {
            return found.into_iter().collect();
        }
    }
}

/// User and system time of those processes so far, all threads, in microseconds.
pub(crate) fn processor_time(processes: &[u32]) -> u64 {
    processes.iter().filter_map(|process| stat(*process)).map(|stat| stat.ticks * TICK).sum()
}

/// The memory of those processes that is in use, in KiB.
pub(crate) fn resident(processes: &[u32]) -> u64 {
    status(processes, "VmRSS:")
}

/// The most that [`resident`] has been since they started, in KiB.
pub(crate) fn peak(processes: &[u32]) -> u64 {
    status(processes, "VmHWM:")
}

fn status(processes: &[u32], name: &str) -> u64 {
    let one = |process: &u32| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    processes.iter().filter_map(one).sum()
}

struct Stat {
    parent: u32,
    ticks: u64,
}

fn stat(process: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// The name of the program may hold blanks and parentheses; after its end fields are plain.
fn parse(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat { parent: u32::try_from(number(1)?).ok()?, ticks: number(11)? + number(12)? })
}

/// Linux shows user space a hundred ticks a second on every architecture it runs us on, in microseconds.
const TICK: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_after_an_odd_name_are_found() {
        let text = "42 (a) b (c)) S 7 42 42 0 -1 4194304 1 2 3 4 150 25 0 0 20 0 3 0 1 2 3";
        let stat = parse(text).expect("a stat");
        assert_eq!((stat.parent, stat.ticks), (7, 175));
    }

    #[test]
    fn this_process_has_used_time_and_memory() {
        let own = [std::process::id()];
        assert_eq!(tree(own[0])[..1], own[..]);
        assert!(resident(&own) > 100 && peak(&own) >= resident(&own));
    }
}
