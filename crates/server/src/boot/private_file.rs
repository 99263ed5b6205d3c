//! Small files of the server's own, for its eyes only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use keywright_secret::Secret;

use crate::boot::StartError;

/// Reads a file that nobody else may read; `None` when it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<Secret>, StartError> {
    let failed = |source| StartError::File { path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    // Of the file that is open, not of what may stand there by then.
    if file.metadata().map_err(failed)?.mode() & 0o077 != 0 {
        return Err(StartError::Exposed { path: path.to_owned() });
    }
    io::read_to_string(file).map(|text| Some(Secret::new(text))).map_err(failed)
}

/// Makes a file, 0600 from its first byte and on disk when this returns. Never writes over one.
pub(crate) fn create(path: &Path, text: &Secret) -> Result<(), StartError> {
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Whole under another name first: a killed process leaves no half of a key behind.
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        file.write_all(text.expose().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
        fs::File::open(folder)?.sync_all()
    };
    write().map_err(|source| StartError::File { path: path.to_owned(), source })
}

/// Writes a file of mode 0600 in place of whatever was there.
pub(crate) fn replace(path: &Path, text: &Secret) -> Result<(), StartError> {
    let write = || -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.expose().as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| StartError::File { path: path.to_owned(), source })
}
