//! The runtime of commands that talk to a server: one thread is enough, and is up at once.

use std::future::Future;

use keywright_protocol::Exit;

use crate::error::CommandError;

/// Runs `work` to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    start()?.block_on(work)
}

/// The same, and waits for nothing that is left then: a name that does not resolve can take half a minute.
pub(crate) fn block_on_and_leave<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let runtime = start()?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

fn start() -> Result<tokio::runtime::Runtime, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| {
        CommandError::new(Exit::User, "SYSTEM", "the system gives no means to wait on the network")
            .because(&error)
    })
}
