//! Replacing a file so that nobody ever sees half of it.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use keywright_protocol::Timestamp;
use rustix::process::geteuid;

use super::FileError;

/// Makes the folder of `path` for its owner alone. One that is there already and is the user's own is
/// closed to others.
pub(super) fn make_folder(path: &Path) -> Result<(), FileError> {
    let folder = folder_of(path);
    let failed = |source| FileError::writing(folder, source);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let metadata = fs::metadata(folder).map_err(failed)?;
    if metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o077 != 0 {
        fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(failed)?;
    }
    Ok(())
}

/// Writes `content` beside `path`, syncs it and renames it over `path`. Call it under the lock.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    refuse_link(path)?;
    let folder = folder_of(path);
    remove_left_over(path);
    write_beside(path, folder, content).map_err(|source| FileError::writing(path, source))
}

/// Whether a file could be put there. Call it under the lock.
pub(super) fn check_writable(path: &Path) -> Result<(), FileError> {
    refuse_link(path)?;
    let mut builder = tempfile::Builder::new();
    let probe = builder.prefix(&temporary_prefix(path)).tempfile_in(folder_of(path));
    probe.map(drop).map_err(|source| FileError::writing(path, source))
}

fn write_beside(path: &Path, folder: &Path, content: &[u8]) -> io::Result<()> {
    let mut temporary = tempfile::Builder::new()
        .prefix(&temporary_prefix(path))
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    temporary.write_all(content)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    // Without this a power loss could bring back the old name, or none.
    File::open(folder)?.sync_all()
}

/// Renames a file that cannot be understood. Call it under the lock.
pub(super) fn set_aside(path: &Path, now: Timestamp) -> Result<PathBuf, FileError> {
    let prefix = aside_prefix(path);
    let mut count = 0u32;
    let aside = loop {
        let aside = path.with_file_name(format!("{prefix}{}-{count}", now.0));
        // A name that is taken holds an earlier file that is just as much worth keeping.
        if aside.symlink_metadata().is_err() {
            break aside;
        }
        count += 1;
    };
    fs::rename(path, &aside).map_err(|source| FileError::writing(path, source))?;
    Ok(aside)
}

/// The latest that was renamed so, if one is there.
pub(super) fn set_aside_before(path: &Path) -> Option<PathBuf> {
    let prefix = aside_prefix(path);
    let entries = fs::read_dir(folder_of(path)).ok()?.flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    // The instants in them have the same number of digits for some centuries.
    let latest = names.filter(|name| name.starts_with(&prefix)).max()?;
    Some(path.with_file_name(latest))
}

fn aside_prefix(path: &Path) -> String {
    format!("{}.corrupt-", path.file_name().unwrap_or_default().to_string_lossy())
}

/// A process that was killed while writing leaves its temporary file, with secrets in it. Whoever has
/// the lock knows that nobody is writing now.
fn remove_left_over(path: &Path) {
    let prefix = temporary_prefix(path);
    let Ok(entries) = fs::read_dir(folder_of(path)) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            // If it cannot be removed the folder cannot be written either, which is reported then.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn refuse_link(path: &Path) -> Result<(), FileError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => Err(FileError::SymbolicLink { path: path.into() }),
        _ => Ok(()),
    }
}

fn temporary_prefix(path: &Path) -> String {
    format!(".{}.new-", path.file_name().unwrap_or_default().to_string_lossy())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
