//! What can go wrong with a file. No variant holds content.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// A file could not be read or changed. The old content is as it was.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Permissions, or a disk error.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The disk is full, the folder is read-only, or permissions forbid it.
    #[error("{} cannot be written; it is as it was before", path.display())]
    Unwritable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The path is a symbolic link: somebody may want credentials written elsewhere.
    #[error("{} is a symbolic link, which is not followed; move the real file there", path.display())]
    SymbolicLink {
        /// The link.
        path: PathBuf,
    },
    /// Another process has held the lock for too long; it may hang.
    #[error("another keywright process has been holding {} for {seconds} s; try again", path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// The file is far larger than anything Keywright writes.
    #[error("{} is too large to be a file of Keywright's", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

impl FileError {
    pub(super) fn reading(path: &Path, source: io::Error) -> Self {
        if is_link_refusal(&source) {
            Self::SymbolicLink { path: path.into() }
        } else {
            Self::Unreadable { path: path.into(), source }
        }
    }

    pub(super) fn writing(path: &Path, source: io::Error) -> Self {
        if is_link_refusal(&source) {
            Self::SymbolicLink { path: path.into() }
        } else {
            Self::Unwritable { path: path.into(), source }
        }
    }
}

/// What the kernel answers when a link is opened that must not be followed.
fn is_link_refusal(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}
