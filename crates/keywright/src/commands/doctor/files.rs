//! The files of the command line: readable, whole, and closed to others.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use keywright_credentials::{CredentialFile, Credentials, Settings};
use rustix::process::geteuid;

use super::Scene;
use super::finding::Finding;
use crate::error::CommandError;

/// What the files hold.
pub(super) struct Files {
    /// None when they cannot be read.
    pub(super) settings: Option<Settings>,
    /// None of them when they cannot be read.
    pub(super) credentials: Credentials,
    pub(super) findings: Vec<Finding>,
}

/// Reads them and leaves them as they are.
pub(super) fn look(scene: &Scene) -> Files {
    let mut findings = Vec::new();
    let settings = settings(&scene.paths.settings, &mut findings);
    let credentials = credentials(&scene.paths.credentials, &mut findings);
    let keys = &scene.paths.providers;
    // What is in it is told where it is used.
    if let Ok(metadata) = keys.symlink_metadata() {
        findings.extend(exposure("provider keys", keys, &metadata, "600"));
    }
    Files { settings, credentials, findings }
}

fn settings(path: &Path, findings: &mut Vec<Finding>) -> Option<Settings> {
    let shown = path.display();
    match Settings::read(path) {
        Err(error) => {
            let mend = format!("Correct {shown}, or move it away.");
            findings.push(Finding::failed("settings", &CommandError::from(error), &mend));
            None
        }
        Ok(settings) => {
            findings.push(match path.metadata() {
                Err(_) => Finding::ok("settings", format!("{shown} is not there; the defaults count")),
                // Who can write it chooses where the credentials of all profiles are sent next.
                Ok(file) if file.mode() & 0o022 != 0 => Finding::problem(
                    "settings",
                    format!("others can change {shown} (mode {:04o})", file.mode() & 0o7777),
                    format!("chmod go-w {shown}"),
                ),
                Ok(_) => Finding::ok("settings", shown.to_string()),
            });
            Some(settings)
        }
    }
}

fn credentials(path: &Path, findings: &mut Vec<Finding>) -> Credentials {
    let shown = path.display();
    let folder = path.parent().unwrap_or(path);
    match folder.metadata() {
        Err(_) => {}
        Ok(metadata) => findings.push(match exposure("state folder", folder, &metadata, "700") {
            Some(exposed) => exposed,
            None => Finding::ok("state folder", folder.display().to_string()),
        }),
    }
    match CredentialFile::new(path).peek() {
        Err(error) => {
            let mend = format!("ls -l {shown}");
            findings.push(Finding::failed("credentials", &CommandError::from(error), &mend));
            Credentials::default()
        }
        Ok(None) => {
            findings.push(Finding::problem(
                "credentials",
                format!("{shown} is damaged, so nothing that it holds is used"),
                format!("Look into it, or set it aside with `mv {shown} {shown}.damaged`; any other command does the same."),
            ));
            Credentials::default()
        }
        Ok(Some(credentials)) => {
            findings.push(match path.symlink_metadata() {
                Err(_) => Finding::ok("credentials", format!("{shown} is not there; nothing is stored")),
                Ok(metadata) => match exposure("credentials", path, &metadata, "600") {
                    Some(exposed) => exposed,
                    None => Finding::ok("credentials", shown.to_string()),
                },
            });
            credentials
        }
    }
}

/// A file or folder of credentials that is not its owner's alone.
fn exposure(check: &str, path: &Path, metadata: &Metadata, mode: &str) -> Option<Finding> {
    let shown = path.display();
    if metadata.uid() != geteuid().as_raw() {
        let message = format!("{shown} belongs to another user");
        return Some(Finding::problem(check, message, format!("sudo chown \"$(id -un)\" {shown}")));
    }
    (metadata.mode() & 0o077 != 0).then(|| {
        let message = format!("{shown} is open to others (mode {:04o})", metadata.mode() & 0o7777);
        Finding::problem(check, message, format!("chmod {mode} {shown}"))
    })
}
