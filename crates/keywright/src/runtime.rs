//! The runtime of commands that talk to a server: one thread is enough, and is up at once.

use std::future::Future;

use keywright_protocol::Exit;

use crate::error::CommandError;

/// Runs `work` to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        CommandError::new(Exit::User, "SYSTEM", "the system gives no means to wait on the network")
            .because(&error)
    })?;
    runtime.block_on(work)
}
