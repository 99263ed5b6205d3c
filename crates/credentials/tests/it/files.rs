//! The file mechanism inside one process.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use keywright_credentials::store::{FileError, SafeFile};
use keywright_protocol::Timestamp;

const PATIENCE: Duration = Duration::from_secs(5);

fn write(file: &SafeFile, content: &str) -> Result<(), FileError> {
    file.lock(PATIENCE)?.replace(content.as_bytes())
}

fn read(file: &SafeFile) -> String {
    String::from_utf8(file.read().unwrap().unwrap().to_vec()).unwrap()
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn a_file_that_is_not_there_reads_as_none_and_makes_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keywright/credentials.json");
    assert!(SafeFile::new(&path).read().unwrap().is_none());
    assert!(!path.parent().unwrap().exists());
}

#[test]
fn what_is_written_reads_back_and_leaves_nothing_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = SafeFile::new(folder.path().join("credentials.json"));
    write(&file, "one").unwrap();
    write(&file, "two").unwrap();
    assert_eq!(read(&file), "two");
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["credentials.json", "credentials.json.lock"]);
}

#[test]
fn a_folder_of_ones_own_that_was_open_to_others_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("keywright");
    std::fs::create_dir(&own).unwrap();
    std::fs::set_permissions(&own, PermissionsExt::from_mode(0o777)).unwrap();
    write(&SafeFile::new(own.join("credentials.json")), "x").unwrap();
    assert_eq!(mode(&own), 0o700);
}

#[test]
fn a_symbolic_link_is_neither_read_nor_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("target");
    std::fs::write(&target, "untouched").unwrap();
    for name in ["credentials.json", "other.json.lock"] {
        symlink(&target, folder.path().join(name)).unwrap();
    }
    let linked = SafeFile::new(folder.path().join("credentials.json"));
    assert!(matches!(linked.read(), Err(FileError::SymbolicLink { .. })));
    assert!(matches!(write(&linked, "x"), Err(FileError::SymbolicLink { .. })));
    let lock_linked = SafeFile::new(folder.path().join("other.json"));
    assert!(matches!(write(&lock_linked, "x"), Err(FileError::SymbolicLink { .. })));
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "untouched");
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    // No file system lets anybody, root included, make a folder there.
    let error = write(&SafeFile::new("/proc/keywright/credentials.json"), "canary").unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(text.contains("/proc/keywright") && !text.contains("canary"), "{text}");
}

#[test]
fn a_lock_that_is_held_makes_others_wait_and_then_give_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = SafeFile::new(folder.path().join("credentials.json"));
    let held = file.lock(PATIENCE).unwrap();
    assert!(matches!(file.lock(Duration::from_millis(50)), Err(FileError::Busy { .. })));
    drop(held);
    file.lock(Duration::from_millis(50)).unwrap();
}

#[test]
fn files_set_aside_at_the_same_instant_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = SafeFile::new(folder.path().join("credentials.json"));
    let mut kept = Vec::new();
    for content in ["first", "second"] {
        write(&file, content).unwrap();
        kept.push(file.lock(PATIENCE).unwrap().set_aside(Timestamp(7)).unwrap());
        assert!(file.read().unwrap().is_none());
    }
    let contents: Vec<_> = kept.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    assert_eq!(contents, ["first", "second"]);
    assert!(kept.iter().all(|path| mode(path) == 0o600));
}

#[test]
fn a_file_far_too_large_is_not_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    std::fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    assert!(matches!(SafeFile::new(path).read(), Err(FileError::TooLarge { .. })));
}
