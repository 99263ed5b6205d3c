//! This process, closed to the programs that it starts.

/// Keeps other processes of the same user, the agent that is about to be started among them, from reading
/// the environment and the memory of this one, where provider keys are, or the token that the agent's own is
/// a child of. Not from the superuser, and only on Linux. What is started is open to its user as ever.
pub fn conceal_process() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Refused by no kernel that is known; without it the program is held by the file modes alone.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}
