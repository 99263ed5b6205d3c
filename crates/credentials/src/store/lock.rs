//! The lock: an operating-system lock on a file of its own, since the file itself is renamed away.

use std::fs::{File, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::FileError;

/// Takes the lock that belongs to `path`. It is given up when the file is closed, and the system closes
/// it when the process dies.
pub(super) fn acquire(path: &Path, patience: Duration) -> Result<File, FileError> {
    let beside = lock_path(path);
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(&beside)
        .map_err(|source| FileError::writing(&beside, source))?;
    let deadline = Instant::now() + patience;
    let mut pause = Duration::from_millis(1);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(FileError::writing(&beside, source)),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                return Err(FileError::Busy { path: beside, seconds: patience.as_secs() });
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// The lock's file: never removed, or two processes could each lock a file of that name.
fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    path.with_file_name(name)
}
