//! `config.toml`, changed by programs and by people.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use keywright_credentials::store::FileError;
use keywright_credentials::{ProfileName, ProfileSettings, Settings, SettingsError, SettingsFile};

use crate::process::{playing, wait_for};

fn name(text: &str) -> ProfileName {
    text.parse().unwrap()
}

fn profile(server: &str, organization: Option<(&str, &str)>) -> ProfileSettings {
    ProfileSettings {
        server: Some(server.to_owned()),
        organization_id: organization.map(|(id, _)| id.to_owned()),
        organization_name: organization.map(|(_, name)| name.to_owned()),
    }
}

fn file(content: &str) -> (tempfile::TempDir, SettingsFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keywright/config.toml");
    std::fs::create_dir(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    (folder, SettingsFile::new(path))
}

fn text(file: &SettingsFile) -> String {
    std::fs::read_to_string(file.path()).unwrap()
}

const BY_HAND: &str = "\
# My settings.
active_profile = \"work\" # since March
essential_traffic_only = true

[profiles.work]
# Over the tunnel.
server = \"https://k.example\"   # not the old one
colour = \"blue\"

# Of the customer.
[profiles.customer]
server = \"https://c.example\"

[later]
list = [1, # one
  2]
";

#[test]
fn what_people_wrote_stays_where_and_as_it_was() {
    let (_folder, file) = file(BY_HAND);
    file.change(|held| {
        held.set_active(&name("customer"));
        held.set_profile(&name("work"), profile("https://new.example", Some(("org_1", "Acme"))));
        held.set_profile(&name("new"), profile("https://n.example", None));
    })
    .unwrap();
    let expected = BY_HAND
        .replace("active_profile = \"work\"", "active_profile = \"customer\"")
        .replace("https://k.example", "https://new.example")
        .replace("\"blue\"\n", "\"blue\"\norganization_id = \"org_1\"\norganization_name = \"Acme\"\n")
        + "\n[profiles.new]\nserver = \"https://n.example\"\n";
    // Where a new profile goes is free.
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let now = text(&file);
    assert_eq!(lines(&now), lines(&expected), "{now}");
    assert!(now.starts_with("# My settings.\nactive_profile = \"customer\" # since March\n"), "{now}");
    assert!(
        now.contains("# Over the tunnel.\nserver = \"https://new.example\"   # not the old one\n"),
        "{now}"
    );
    let settings = file.read().unwrap();
    assert_eq!(settings.profiles["work"], profile("https://new.example", Some(("org_1", "Acme"))));
    assert_eq!(settings.profiles["new"], profile("https://n.example", None));
    assert!(settings.essential_traffic_only);

    file.change(|held| held.remove_profile(&name("customer"))).unwrap();
    let now = text(&file);
    assert!(!now.contains("customer") && !now.contains("active_profile"), "{now}");
    assert!(now.contains("# Over the tunnel.") && now.contains("2]"), "{now}");
}

#[test]
fn every_way_to_write_a_table_can_be_changed() {
    for before in [
        "",
        "profiles = {}",
        "profiles = { work = { server = \"https://k.example\" }, other = {} }",
        "[profiles]\nwork = { server = \"https://k.example\" }\n",
        "[profiles]\nwork.server = \"https://k.example\"\n",
        "profiles.work.server = \"https://k.example\"\nprofiles.other.x = 1\n",
        "[profiles.work]\n[profiles.other]\n",
        "[profiles.\"work\"]\nserver = 'https://k.example'",
        "\r\n[profiles.work]\r\nserver = \"https://k.example\"\r\n",
        "[profiles.work.later]\nx = 1\n",
    ] {
        let (_folder, file) = file(before);
        file.change(|held| {
            held.set_profile(
                &name("work"),
                profile("https://new.example", Some(("org_1", "Ä \"quoted\"\n"))),
            );
            held.set_profile(&name("a.b_c"), profile("https://dots.example", None));
            held.set_active(&name("a.b_c"));
        })
        .unwrap();
        let settings = file.read().unwrap_or_else(|error| panic!("{before}: {error}: {}", text(&file)));
        let work = profile("https://new.example", Some(("org_1", "Ä \"quoted\"\n")));
        assert_eq!(settings.profiles["work"], work, "{before}");
        assert_eq!(settings.profiles["a.b_c"], profile("https://dots.example", None), "{before}");
        assert_eq!(settings.active_profile.as_deref(), Some("a.b_c"), "{before}");
        assert_eq!(settings.profiles.contains_key("other"), before.contains("other"), "{before}");
        file.change(|held| {
            held.remove_profile(&name("a.b_c"));
            held.set_profile(&name("work"), ProfileSettings::default());
        })
        .unwrap();
        let settings = file.read().unwrap();
        assert_eq!(
            settings.profiles.get("work"),
            Some(&ProfileSettings::default()),
            "{before}: {}",
            text(&file)
        );
        assert_eq!(
            (settings.profiles.contains_key("a.b_c"), settings.active_profile),
            (false, None),
            "{before}"
        );
        assert_eq!(text(&file).contains("x = 1"), before.contains("x = 1"), "{before}");
    }
}

#[test]
fn removing_a_profile_keeps_what_the_file_begins_with() {
    for (before, after) in [
        (
            "# My settings.\nactive_profile = \"work\"\n[profiles.work]\n[profiles.other]\n",
            "# My settings.\n[profiles.other]\n",
        ),
        (
            "# My settings.\n\n# For work.\n[profiles.work]\nx = 1\n\n# Mine.\n[profiles.other]\n",
            "# My settings.\n\n# Mine.\n[profiles.other]\n",
        ),
        (
            "# My settings.\n\n[profiles.other]\n\n# For work.\n[profiles.work]\n",
            "# My settings.\n\n[profiles.other]\n",
        ),
        ("# My settings.\n\n# For work.\n[profiles.work]\n", "# My settings.\n\n"),
        ("[profiles.work]\n[profiles.other]\n", "[profiles.other]\n"),
    ] {
        let (_folder, file) = file(before);
        file.change(|held| held.remove_profile(&name("work"))).unwrap();
        assert_eq!(text(&file), after);
        file.read().unwrap();
    }
}

#[test]
fn a_file_that_cannot_be_understood_is_an_error_and_never_overwritten() {
    for before in
        [b"profiles = 3".as_slice(), b"[profiles", b"a = 1\na = 2", b"[[profiles]]", b"\xff\xfe", b"\0"]
    {
        let (_folder, file) = file("");
        std::fs::write(file.path(), before).unwrap();
        let error = file.change(|held| held.set_active(&name("work"))).unwrap_err();
        assert!(matches!(error, SettingsError::Malformed { .. }), "{error:?}");
        assert!(error.to_string().contains("config.toml"), "{error}");
        assert_eq!(std::fs::read(file.path()).unwrap(), before);
        // Nothing was left beside it but the lock.
        assert_eq!(std::fs::read_dir(file.path().parent().unwrap()).unwrap().count(), 2);
    }
}

#[test]
fn the_file_and_its_folder_are_made_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/keywright/config.toml");
    SettingsFile::new(&path).change(|held| held.set_active(&name("work"))).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(Settings::read(&path).unwrap().active_profile.as_deref(), Some("work"));
}

#[test]
fn a_symbolic_link_is_read_but_not_written_through() {
    let (folder, file) = file("");
    let target = folder.path().join("dotfiles.toml");
    std::fs::write(&target, "active_profile = \"work\"\n").unwrap();
    std::fs::remove_file(file.path()).unwrap();
    symlink(&target, file.path()).unwrap();
    assert_eq!(file.read().unwrap().active_profile.as_deref(), Some("work"));
    let error = file.change(|held| held.set_active(&name("x"))).unwrap_err();
    assert!(matches!(error, SettingsError::File(FileError::SymbolicLink { .. })), "{error:?}");
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "active_profile = \"work\"\n");
}

#[test]
fn twenty_processes_that_set_profiles_lose_none_and_no_comment() {
    let (_folder, file) = file(BY_HAND);
    let start = |number: usize| {
        let mut command = playing("set profiles", file.path());
        command.env("PART_NAME", format!("p{number}")).env("PART_ROUNDS", "5").spawn().unwrap()
    };
    let children: Vec<_> = (0..20).map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let settings = file.read().unwrap();
    assert_eq!(settings.profiles.len(), 2 + 20 * 5);
    assert!(settings.profiles.contains_key(settings.active_profile.as_deref().unwrap()));
    assert!(text(&file).contains("# Over the tunnel."));
}

#[test]
fn a_writer_killed_at_any_point_leaves_settings_that_are_whole() {
    let (folder, file) = file(BY_HAND);
    for round in 0..20u64 {
        let begun: PathBuf = folder.path().join("keywright/config.toml.lock");
        let _ = std::fs::remove_file(&begun);
        let mut command = playing("set profiles", file.path());
        let mut child = command.env("PART_NAME", "p").env("PART_ROUNDS", "1000000").spawn().unwrap();
        wait_for(&begun, &mut child);
        std::thread::sleep(Duration::from_micros(round * 1700 % 20_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let settings = file.read().unwrap();
        assert_eq!(settings.profiles["work"].server.as_deref(), Some("https://k.example"), "round {round}");
        assert!(text(&file).contains("colour = \"blue\"") && text(&file).contains("# My settings."));
    }
    file.change(|held| held.set_active(&name("work"))).unwrap();
    assert_eq!(std::fs::read_dir(file.path().parent().unwrap()).unwrap().count(), 2);
}
