//! A configuration folder for one run: links to the user's own but for sign-ins and one settings file.
//!
//! What the agent writes through a link is the user's at once; what it makes anew is taken home when the
//! run ends. Whether a folder is in use says a lock on a file in it, which the system gives up however the
//! run ends; the next run removes those that nobody holds.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::LaunchError;

/// What is to be made.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The variable that leads the agent to the folder.
    pub(super) variable: &'static str,
    /// The folder inside it that stands for the user's; empty if it does so itself.
    pub(super) inside: &'static str,
    /// The user's own.
    pub(super) source: PathBuf,
    /// What is neither linked nor taken home: credentials.
    pub(super) withheld: &'static [&'static str],
    /// Folders that the agent would make in the user's own, made there at once.
    pub(super) made: &'static [&'static str],
    /// The file that is written instead of linked.
    pub(super) file: &'static str,
    /// What stands in it.
    pub(super) content: Value,
    /// What of it is never taken home: JSON pointers.
    pub(super) kept_out: &'static [&'static str],
}

/// One that is there. It is taken home and removed by [`close`](Self::close).
pub(super) struct Overlay<'a> {
    plan: &'a Plan,
    /// What the variable says.
    pub(super) folder: PathBuf,
    temporary: bool,
    _lock: Option<File>,
}

impl<'a> Overlay<'a> {
    /// Makes one in `folder` that lives until it is closed, and removes those that were left behind.
    pub(super) fn temporary(plan: &'a Plan, folder: &Path) -> Result<Self, LaunchError> {
        make_folder(folder)?;
        sweep(folder);
        let (made, lock) = locked_folder(folder).map_err(|source| failed(folder, source))?;
        let overlay = Self { plan, folder: made, temporary: true, _lock: Some(lock) };
        match overlay.fill() {
            Ok(()) => Ok(overlay),
            Err(error) => {
                overlay.close();
                Err(error)
            }
        }
    }

    /// Makes or renews one that stays, at `folder`.
    pub(super) fn lasting(plan: &'a Plan, folder: &Path) -> Result<Self, LaunchError> {
        make_folder(folder)?;
        let overlay = Self { plan, folder: folder.to_owned(), temporary: false, _lock: None };
        overlay.take_home();
        overlay.fill()?;
        Ok(overlay)
    }

    /// Takes home what the agent has made and removes the rest.
    pub(super) fn close(self) {
        self.take_home();
        if self.temporary {
            // What cannot be removed now is the next run's to remove.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }

    fn inside(&self) -> PathBuf {
        self.folder.join(self.plan.inside)
    }

    fn fill(&self) -> Result<(), LaunchError> {
        let Plan { source, withheld, made, file, .. } = self.plan;
        let inside = self.inside();
        make_folder(&inside)?;
        for folder in *made {
            make_folder(&source.join(folder))?;
        }
        let entries = std::fs::read_dir(source).map_err(|error| failed(source, error))?;
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name();
            let left_out = withheld.iter().chain([file]).any(|it| name == *it);
            let link = inside.join(&name);
            if left_out || link.symlink_metadata().is_ok() {
                continue;
            }
            symlink(entry.path(), &link).map_err(|error| failed(&link, error))?;
        }
        let path = inside.join(file);
        write(&path, &self.plan.content).map_err(|error| failed(&path, error))
    }

    /// What fails here stays behind: it is the agent's, and nothing of it is needed.
    fn take_home(&self) {
        let (inside, source) = (self.inside(), &self.plan.source);
        for entry in std::fs::read_dir(&inside).into_iter().flatten().filter_map(Result::ok) {
            let name = entry.file_name();
            let Ok(kind) = entry.file_type() else { continue };
            let stays = self.plan.withheld.iter().any(|it| name == *it) || name == LOCK;
            if kind.is_symlink() || stays {
                continue;
            }
            if name == self.plan.file {
                self.take_settings_home(&entry.path());
                continue;
            }
            let home = source.join(&name);
            // A file that replaced its link was written by renaming; a folder is only ever new.
            if kind.is_file() || home.symlink_metadata().is_err() {
                let _ = std::fs::rename(entry.path(), home);
            }
        }
    }

    /// Changes the user's settings as the agent changed those that it was given.
    fn take_settings_home(&self, path: &Path) {
        let read = |path: &Path| {
            std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        };
        let Some(after) = read(path).filter(|after| *after != self.plan.content) else { return };
        let home = self.plan.source.join(self.plan.file);
        // Some keep their settings elsewhere and link to them.
        let home = home.canonicalize().unwrap_or(home);
        let own = match home.exists() {
            // With comments it is not JSON: rather lose a change than those.
            true => read(&home),
            false => Some(Value::Object(serde_json::Map::new())),
        };
        let Some(mut own) = own else { return };
        let before = own.clone();
        carry("", Some(&self.plan.content), &after, &mut own, self.plan.kept_out);
        if own != before {
            let _ = write(&home, &own);
        }
    }
}

/// Does to `own` what was done between `before` and `after`, but for what stands at `kept_out`.
fn carry(place: &str, before: Option<&Value>, after: &Value, own: &mut Value, kept_out: &[&str]) {
    if before == Some(after) || kept_out.contains(&place) {
        return;
    }
    let (Some(changed), Some(known)) = (after.as_object(), own.as_object_mut()) else {
        *own = after.clone();
        return;
    };
    for gone in before.and_then(Value::as_object).into_iter().flat_map(|before| before.keys()) {
        if !changed.contains_key(gone) && !kept_out.contains(&format!("{place}/{gone}").as_str()) {
            known.remove(gone);
        }
    }
    for (name, after) in changed {
        let place = format!("{place}/{name}");
        let before = before.and_then(|before| before.get(name));
        let own = match known.get_mut(name) {
            Some(own) => own,
            None if before == Some(after) || kept_out.contains(&place.as_str()) => continue,
            None if after.is_object() => {
                known.entry(name).or_insert_with(|| Value::Object(Default::default()))
            }
            None => known.entry(name).or_insert(Value::Null),
        };
        carry(&place, before, after, own, kept_out);
    }
}

/// A new folder and the lock on it. It gets the name that a sweep looks for once it is locked.
fn locked_folder(folder: &Path) -> io::Result<(PathBuf, File)> {
    let made = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(folder)?;
    let lock = File::options().write(true).create_new(true).mode(0o600).open(made.path().join(LOCK))?;
    lock.lock()?;
    let name = made.path().file_name().unwrap_or_default().to_string_lossy().replacen(UNFINISHED, PREFIX, 1);
    let named = folder.join(name);
    std::fs::rename(made.path(), &named)?;
    // It is not where it would be removed from.
    let _ = made.keep();
    Ok((named, lock))
}

/// Removes what runs left behind that were killed.
fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name();
        let left_behind = if name.to_string_lossy().starts_with(PREFIX) {
            let lock = File::options().write(true).open(entry.path().join(LOCK));
            lock.is_ok_and(|lock| lock.try_lock().is_ok())
        } else {
            let begun = entry.metadata().and_then(|it| it.modified()).ok();
            let age = begun.and_then(|begun| SystemTime::now().duration_since(begun).ok());
            name.to_string_lossy().starts_with(UNFINISHED) && age.is_some_and(|age| age > BEING_MADE)
        };
        if left_behind {
            // Nothing needs it; the next run tries again.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn make_folder(path: &Path) -> Result<(), LaunchError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| failed(path, source))
}

/// Writes a whole file of mode 0600, or leaves the old one.
fn write(path: &Path, content: &Value) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::NotFound)?;
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).tempfile_in(folder)?;
    serde_json::to_writer_pretty(&mut file, content)?;
    file.write_all(b"\n")?;
    file.persist(path)?;
    Ok(())
}

fn failed(path: &Path, source: io::Error) -> LaunchError {
    LaunchError::Folder { path: path.to_owned(), source }
}

const PREFIX: &str = "run-";
const UNFINISHED: &str = ".new-";
const LOCK: &str = ".keywright-lock";
const BEING_MADE: Duration = Duration::from_secs(60);
