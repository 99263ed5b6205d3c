//! The mails that a server without a mail server wrote, read as the person does who gets them.

use std::path::Path;

use crate::home::Home;

/// The code in the last mail to that mailbox.
#[track_caller]
pub(crate) fn code(server_home: &Home, mailbox: &str) -> String {
    let mail = mails(&server_home.data("outbox"), mailbox).pop().expect("no mail");
    let runs = mail.split(|character: char| !character.is_ascii_digit());
    let codes: Vec<&str> = runs.filter(|run| run.len() == 6).collect();
    assert_eq!(codes.len(), 1, "{mail}");
    codes[0].to_owned()
}

/// All mails to that mailbox, the first one first.
pub(crate) fn mails(outbox: &Path, mailbox: &str) -> Vec<String> {
    let Ok(folder) = outbox.read_dir() else { return Vec::new() };
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
    files.sort();
    let to = format!("To: {mailbox}");
    let mails = files.iter().map(|file| std::fs::read_to_string(file).unwrap());
    mails.filter(|mail| mail.lines().any(|line| line.trim_end() == to)).collect()
}
