//! Streams by the thousand upon Keywright alone, for the long proofs.

use std::path::Path;
use std::time::Duration;

use super::keywright::{Keywright, Setting};
use super::part::{self, Cores, Part};
use super::{Fallible, build};
use crate::load::{Order, Shape};
use crate::provider::Script;

/// What became of streams that were held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    /// The memory that Keywright used for each.
    pub(crate) kibibytes_each: u64,
    /// Those that were refused, or did not come to their end.
    pub(crate) lost: u64,
}

/// Holds so many streams open at once and reads them to their end.
pub(crate) fn hold_streams(root: &Path, streams: usize) -> Fallible<Held> {
    let (binary, tool) = (build::release(root)?, build::tool(root, false)?);
    let cores = Cores::choose()?;
    let folder = tempfile::tempdir_in(build::target(root)).map_err(|error| error.to_string())?;
    let provider = Part::provider(cores, &tool)?;
    let data = folder.path().join("keywright");
    let keywright = Keywright::start(&Setting { cores, binary, folder: data, provider: provider.address })?;
    let order = Order {
        target: keywright.part.address,
        tokens: keywright.keys.clone(),
        watch: keywright.part.processes.clone(),
        body: 256,
        model: Script::Paced { events: 4, gap: Duration::from_secs(15) }.model(),
        stream: true,
        status: 200,
        shape: Shape::Held { streams, opening: 64, settle: Duration::from_secs(5) },
    };
    let outcome = part::load(part::begin_load(cores, &tool, &order)?)?;
    if let Some(failure) = &outcome.first_failure {
        eprintln!("soak: the first that was lost: {failure}");
    }
    let memory = outcome.memory.saturating_sub(outcome.memory_before);
    Ok(Held { kibibytes_each: memory / streams as u64, lost: outcome.failures })
}
