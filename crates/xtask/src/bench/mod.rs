//! `cargo xtask bench`: the figures of the gateway beside those of nginx, measured in one run.
//!
//! Each proxy is alone on one core; provider and load generator, processes of their own made of this
//! very program, have another. Parts take turns in rounds, and the middle of the rounds counts.

mod build;
mod control;
mod held;
mod keywright;
mod machine;
mod nginx;
mod options;
mod part;
mod report;
mod rows;
mod scene;
mod table;

use std::fs;
use std::path::Path;

pub(crate) use held::hold_streams;
pub(crate) use options::Options;

use options::Scale;
use rows::Row;
use scene::Bench;
use table::Measure;

/// Why there is no figure.
pub(crate) type Fallible<T> = Result<T, String>;

/// Measures what `options` ask for, prints it, and writes it down when all rows were measured in full.
pub(crate) fn run(root: &Path, options: &Options) -> Fallible<()> {
    let bench = Bench::prepare(root, options)?;
    let machine = machine::described(root, &bench.binary, options);
    let mut measured = Vec::new();
    for row in rows::ROWS.iter().filter(|row| options.wants(row.id)) {
        eprintln!("bench: {} {}", row.id, row.figure);
        let measures = (row.measure)(&bench).map_err(|reason| format!("{}: {reason}", row.id))?;
        measured.push((row, measures));
    }
    print!("{}", table::text(&measured));
    if options.scale != Scale::Full || measured.len() < rows::ROWS.len() {
        eprintln!("bench: {PAGE} is left as it is: it is written when all rows are measured in full");
        return Ok(());
    }
    write(&root.join(PAGE), &machine, &measured)
}

fn write(path: &Path, machine: &[(&str, String)], measured: &[(&Row, Vec<Measure>)]) -> Fallible<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let before = fs::read_to_string(path).unwrap_or_default();
    let page = report::page(&before, machine, measured);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, &page).map_err(failed)?;
    for id in report::unexplained(&page, measured) {
        eprintln!("bench: {id} is missed, and {PAGE} does not say why yet");
    }
    Ok(())
}

const PAGE: &str = "docs/reference/performance.md";
