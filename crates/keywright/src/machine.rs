//! This machine.

/// What to call it in a mail or on a page, for the person who reads that.
pub(crate) fn name() -> Option<String> {
    let system = rustix::system::uname();
    let name: String =
        system.nodename().to_string_lossy().chars().filter(char::is_ascii_graphic).take(64).collect();
    (!name.is_empty()).then_some(name)
}
