//! The one mechanism for files that hold credentials.
//!
//! A change takes an operating-system lock on a file beside it, re-reads under the lock, writes a
//! temporary file of mode 0600 in the same folder, syncs it, renames it over the old one and syncs the
//! folder. So a reader, who needs no lock, sees the old content or the new, whatever dies when; and a
//! lock dies with the process that holds it.

mod error;
mod lock;
mod replace;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keywright_protocol::Timestamp;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

pub use error::FileError;

/// A file that is read whole and replaced whole.
#[derive(Clone, Debug)]
pub struct SafeFile {
    path: PathBuf,
}

/// The file under its lock, until this is dropped.
#[derive(Debug)]
pub struct LockedFile {
    file: SafeFile,
    _lock: File,
}

impl SafeFile {
    /// The file at `path`, which need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it; `None` when there is no file.
    ///
    /// # Errors
    /// [`FileError`]; a symbolic link is not followed.
    pub fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        let mut file = match open_no_follow(&self.path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(FileError::reading(&self.path, error)),
        };
        let mut content = Zeroizing::new(Vec::new());
        let limited = file.by_ref().take(MAX_LENGTH + 1).read_to_end(&mut content);
        limited.map_err(|error| FileError::reading(&self.path, error))?;
        if content.len() as u64 > MAX_LENGTH {
            return Err(FileError::TooLarge { path: self.path.clone() });
        }
        Ok(Some(content))
    }

    /// The latest of the files that [`LockedFile::set_aside`] moved and that are still there.
    pub fn set_aside_before(&self) -> Option<PathBuf> {
        replace::set_aside_before(&self.path)
    }

    /// Waits for the lock, making the folder if there is none.
    ///
    /// # Errors
    /// [`FileError::Busy`] when another process keeps it for longer than `patience`.
    pub fn lock(&self, patience: Duration) -> Result<LockedFile, FileError> {
        replace::make_folder(&self.path)?;
        let lock = lock::acquire(&self.path, patience)?;
        Ok(LockedFile { file: self.clone(), _lock: lock })
    }
}

impl LockedFile {
    /// What is in it now. Nobody else who takes the lock changes it.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        self.file.read()
    }

    /// Puts `content` in its place, wholly or not at all.
    ///
    /// # Errors
    /// [`FileError`]; the old content is still there.
    pub fn replace(&self, content: &[u8]) -> Result<(), FileError> {
        replace::replace(&self.file.path, content)
    }

    /// Whether [`replace`](Self::replace) could write: nothing is lost to a folder that takes no file.
    ///
    /// # Errors
    /// [`FileError`]
    pub fn check_writable(&self) -> Result<(), FileError> {
        replace::check_writable(&self.file.path)
    }

    /// Moves the file, which cannot be understood, out of the way; where it went.
    ///
    /// # Errors
    /// [`FileError`]; the file is still where it was.
    pub fn set_aside(&self, now: Timestamp) -> Result<PathBuf, FileError> {
        replace::set_aside(&self.file.path, now)
    }
}

fn open_no_follow(path: &Path) -> std::io::Result<File> {
    File::options().read(true).custom_flags(OFlags::NOFOLLOW.bits() as i32).open(path)
}

/// Far above what credentials need; a file that grew beyond it is not ours to load into memory.
const MAX_LENGTH: u64 = 8 << 20;
