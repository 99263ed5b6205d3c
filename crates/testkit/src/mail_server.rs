//! A real mail server: aiosmtpd, which `./test` installs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tempfile::TempDir;

use crate::tools::tool;

/// A running mail server. It ends when this is dropped.
pub struct MailServer {
    child: Child,
    port: u16,
    folder: TempDir,
    /// How many mails were read already, by [`next`](Self::next).
    read: std::cell::Cell<usize>,
}

/// How a mail server behaves; like most, unless a test says otherwise.
#[derive(Clone, Debug, Default)]
pub struct MailManner {
    arguments: Vec<String>,
    secured: bool,
}

/// A mail that a server has taken.
#[derive(Clone, Debug, Deserialize)]
pub struct ReceivedMail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The whole message, with its headers.
    pub message: String,
    /// Whether it came over TLS.
    pub encrypted: bool,
    /// Who had signed in.
    pub login: Option<String>,
    /// What the client called itself.
    pub hello: String,
}

impl MailManner {
    /// Speaks plain text only.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Takes nothing before STARTTLS. Its certificate is for `0.0.0.0`: an address that leads to this machine
    /// and is none of loopback.
    pub fn starttls() -> Self {
        Self::plain().secured("starttls")
    }

    /// Speaks TLS from the first byte; the certificate is that of [`starttls`](Self::starttls).
    pub fn tls() -> Self {
        Self::plain().secured("tls")
    }

    /// Wants a login.
    #[must_use]
    pub fn login(self, user: &str, password: &str) -> Self {
        self.with(&["--login", &format!("{user}:{password}")])
    }

    /// Takes so long for a mail.
    #[must_use]
    pub fn slow(self, seconds: u32) -> Self {
        self.with(&["--delay", &seconds.to_string()])
    }

    /// Refuses a recipient.
    #[must_use]
    pub fn refusing(self, mailbox: &str) -> Self {
        self.with(&["--refuse", mailbox])
    }

    /// Goes away in the middle of each mail.
    #[must_use]
    pub fn hanging_up(self) -> Self {
        self.with(&["--hang-up"])
    }

    /// Refuses each mail, and repeats what it says.
    #[must_use]
    pub fn repeating(self) -> Self {
        self.with(&["--repeat"])
    }

    /// Listens on that port.
    #[must_use]
    pub fn port(self, port: u16) -> Self {
        self.with(&["--port", &port.to_string()])
    }

    fn secured(mut self, mode: &str) -> Self {
        self.secured = true;
        self.with(&["--mode", mode])
    }

    fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }
}

impl MailServer {
    /// Starts one.
    ///
    /// # Panics
    /// When aiosmtpd is not installed.
    pub fn start(manner: MailManner) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(tool("mail/bin/python3"));
        command
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/mail_server.py"))
            .arg("--folder")
            .arg(folder.path())
            .args(&manner.arguments);
        if manner.secured {
            let made = rcgen::generate_simple_self_signed(vec!["0.0.0.0".to_owned()]).expect("a certificate");
            let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
            std::fs::write(&cert, made.cert.pem()).expect("a file");
            std::fs::write(&key, made.signing_key.serialize_pem()).expect("a file");
            command.arg("--cert").arg(cert).arg("--key").arg(key);
        }
        let mut child = command
            .env_clear()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`./test` has installed aiosmtpd");
        let mut line = String::new();
        let said = BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line);
        said.expect("its port");
        let port = line.trim().parse().expect("its port");
        Self { child, port, folder, read: std::cell::Cell::new(0) }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The value of `mail.smtp` that leads to it.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// The file with its certificate, for `tls.extra_ca`.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// All mails that it has taken.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        let mut files: Vec<PathBuf> = self.folder.path().read_dir().expect("a folder").map(path).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort();
        files.iter().map(|file| read(file)).collect()
    }

    /// The next mail that nobody has asked for yet; waits for it.
    ///
    /// # Panics
    /// When none comes within 10 s.
    pub fn next(&self) -> ReceivedMail {
        let begun = Instant::now();
        loop {
            if let Some(mail) = self.mails().into_iter().nth(self.read.get()) {
                self.read.set(self.read.get() + 1);
                return mail;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "no mail came");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The code of the next mail, which must be for `mailbox`, as a user would read it.
    ///
    /// # Panics
    /// When the next mail is for somebody else or has no code.
    pub fn next_code(&self, mailbox: &str) -> String {
        let mail = self.next();
        assert_eq!(mail.to, [mailbox]);
        code_in(&mail.message)
    }

    /// Ends it: from now on nobody listens there.
    pub fn stop(self) -> u16 {
        self.port
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // Refused when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The code in a mail: its only run of six digits, or the only word of eight letters in two halves.
///
/// # Panics
/// When there is none, or more than one.
pub fn code_in(text: &str) -> String {
    let words = || text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let letters = |word: &&str| {
        let half = |half: &str| half.len() == 4 && half.bytes().all(|byte| byte.is_ascii_uppercase());
        word.split_once('-').is_some_and(|(left, right)| half(left) && half(right))
    };
    let digits = |word: &&str| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit());
    let found: Vec<&str> = words().filter(|word| digits(word) || letters(word)).collect();
    let [code] = found[..] else { panic!("not one code but {}: {text}", found.len()) };
    code.to_owned()
}

fn path(entry: std::io::Result<std::fs::DirEntry>) -> PathBuf {
    entry.expect("a file").path()
}

fn read(file: &Path) -> ReceivedMail {
    let text = std::fs::read_to_string(file).expect("a mail");
    serde_json::from_str(&text).expect("a mail")
}
