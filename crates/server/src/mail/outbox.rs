//! Mails as files, where no mail server is configured: `outbox` in the data folder, for whoever may read it.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use keywright_protocol::Timestamp;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::message::letters;
use crate::config::Config;

/// The folder.
#[derive(Clone)]
pub(crate) struct Outbox(PathBuf);

/// A mail of the outbox.
#[derive(Serialize)]
pub struct StoredMail {
    /// To whom.
    pub to: String,
    /// Its subject.
    pub subject: String,
    /// When it was written, by the server's clock.
    pub at: Timestamp,
    /// What it says. There may be a code in it.
    pub text: String,
    /// The file.
    pub file: PathBuf,
}

/// The folder in which a server of this configuration keeps mails when it has no mail server.
pub fn outbox_folder(config: &Config) -> PathBuf {
    Outbox::of(&config.data_dir).0
}

/// The mails in it, the newest last. A server may be running, and removes what is older than a week.
///
/// # Errors
/// When the folder is there and cannot be read.
pub fn outbox(config: &Config) -> io::Result<Vec<StoredMail>> {
    Outbox::of(&config.data_dir).mails()
}

impl Outbox {
    pub(crate) fn of(data_dir: &Path) -> Self {
        Self(data_dir.join("outbox"))
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// Writes a mail.
    pub(super) async fn put(&self, message: Vec<u8>, at: Timestamp) -> io::Result<()> {
        let outbox = self.clone();
        spawn_blocking(move || outbox.write(&message, at)).await?
    }

    fn write(&self, message: &[u8], at: Timestamp) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        // Of mode 0600, and whole before it has a name that is looked for. It is not forced to the disk: after
        // a power cut one asks for another code.
        let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.0)?;
        file.write_all(message)?;
        file.persist_noclobber(self.0.join(name(at)))?;
        Ok(())
    }

    /// Removes what is older than a week, and what a killed server left unfinished. How much that was.
    pub(crate) async fn sweep(&self, now: Timestamp) -> io::Result<usize> {
        let outbox = self.clone();
        spawn_blocking(move || outbox.remove_old(now)).await?
    }

    fn remove_old(&self, now: Timestamp) -> io::Result<usize> {
        let mut removed = 0;
        for (name, path) in self.files()? {
            let old = match written_at(&name) {
                Some(at) => now.millis_since(at) > KEPT_MILLIS,
                None => name.starts_with(UNFINISHED) && is_forgotten(&path),
            };
            if old {
                fs::remove_file(path)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    pub(super) fn mails(&self) -> io::Result<Vec<StoredMail>> {
        let mut mails = Vec::new();
        for (name, file) in self.files()? {
            let Some(at) = written_at(&name) else { continue };
            // The server may have swept it meanwhile.
            let (Ok(message), Ok(written)) = (fs::read_to_string(&file), modified(&file)) else { continue };
            if let Some((to, subject, text)) = parts(&message) {
                mails.push((at, written, StoredMail { to, subject, at, text, file }));
            }
        }
        // Two of one instant are told apart by the finer time that the file system keeps.
        mails.sort_by_key(|(at, written, _)| (*at, *written));
        Ok(mails.into_iter().map(|(_, _, mail)| mail).collect())
    }

    fn files(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let Ok(name) = entry.file_name().into_string() {
                files.push((name, entry.path()));
            }
        }
        Ok(files)
    }
}

/// The instant, with signs that every file system takes, and what tells mails of one instant apart.
fn name(at: Timestamp) -> String {
    format!("{}-{}.eml", at.to_string().replace(':', "."), letters())
}

fn written_at(name: &str) -> Option<Timestamp> {
    let (at, rest) = name.split_at_checked(INSTANT)?;
    let (date, time) = at.split_once('T')?;
    let named = rest.starts_with('-') && rest.ends_with(".eml");
    Timestamp::parse(&format!("{date}T{}", time.replacen('.', ":", 2))).filter(|_| named)
}

/// Recipient, subject and text of a mail as we write it.
fn parts(message: &str) -> Option<(String, String, String)> {
    let (head, text) = message.split_once("\r\n\r\n")?;
    // Long headers go on in the next line, which begins with a blank (RFC 5322, 2.2.3).
    let head = head.replace("\r\n ", " ");
    let field = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some((field("To:")?.to_owned(), field("Subject:")?.to_owned(), text.replace("\r\n", "\n")))
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

fn is_forgotten(path: &Path) -> bool {
    let age = modified(path).ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age > Duration::from_secs(3_600))
}

const UNFINISHED: &str = ".new-";
/// How many characters an instant has.
const INSTANT: usize = "2026-11-21T03.32.12.123Z".len();
const KEPT_MILLIS: i64 = 7 * 24 * 3_600 * 1_000;
