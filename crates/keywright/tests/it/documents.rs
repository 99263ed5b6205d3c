//! What the program says of itself: manual pages, completions, the reference. None of it needs a home.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::home::{Ended, Home};

#[test]
fn the_manual_page_is_printed_without_a_home_or_any_setting() {
    let page = documents(&["man"]);
    for part in [".TH keywright 1", "keywright\\-serve(1)", "\\-\\-api\\-key", "completions"] {
        assert!(page.contains(part), "no {part} in {page}");
    }
}

#[test]
fn a_page_for_each_command_is_written_and_troff_finds_no_fault() {
    let home = Home::new();
    let folder = home.path().join("made/man1");
    let said = home.run(["man", "--dir", folder.to_str().unwrap()]).with_code(0);
    assert!(said.stdout.contains("keywright.1"), "{}", said.stdout);
    let mut pages: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    let names: Vec<_> = pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["keywright.1", "keywright-serve.1", "keywright-run.1", "keywright-tokens-create.1"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let troff = Path::new("/usr/bin/groff");
    if !troff.exists() {
        eprintln!("groff is not here: the pages were written, but not set");
        return;
    }
    for page in &pages {
        let ended = Ended::of(Command::new(troff).args(["-man", "-Tutf8", "-ww", "-P-bcou"]).arg(page));
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{}", page.display());
        assert!(ended.stdout.contains("SYNOPSIS"), "{}", page.display());
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let home = Home::new();
    std::fs::write(home.path().join("file"), "").unwrap();
    let ended = home.run(["man", "--dir", "file/below"]).with_code(1);
    assert!(ended.stderr.contains("the pages cannot be written to file/below"), "{}", ended.stderr);
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let script = documents(&["completions", "bash"]);
    for (words, expected) in [
        ("keywright to", vec!["tokens"]),
        ("keywright tokens c", vec!["create"]),
        ("keywright tokens create --li", vec!["--lifetime"]),
        ("keywright completions ", vec!["bash", "elvish", "fish", "powershell", "zsh"]),
    ] {
        assert_eq!(completed(&script, words), expected, "{words}");
    }
}

#[test]
fn every_shell_gets_a_script_and_no_other_word_is_one() {
    for (shell, sign) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef keywright"),
        ("fish", "complete -c keywright"),
        ("powershell", "Register-ArgumentCompleter"),
        ("elvish", "edit:completion:arg-completer"),
    ] {
        assert!(documents(&["completions", shell]).contains(sign), "{shell}");
    }
    let ended = Home::new().run(["completions", "tcsh"]).with_code(2);
    assert!(ended.stderr.contains("bash"), "{}", ended.stderr);
}

#[test]
fn the_pages_of_the_reference_are_those_of_the_tree() {
    let pages: Value = serde_json::from_str(&documents(&["reference"])).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    for (path, text) in pages.as_object().unwrap() {
        let there = std::fs::read_to_string(folder.join(path)).unwrap_or_default();
        assert!(there == text.as_str().unwrap(), "{path} differs; run `cargo xtask generate`");
    }
    let count = keywright_protocol::ErrorCode::ALL.len();
    let errors = pages.as_object().unwrap().keys().filter(|path| path.starts_with("errors/")).count();
    assert_eq!(errors, count + 1, "a page each, and the index");
}

/// Runs it with an empty environment: no home, no network that is named.
fn documents(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
    let ended = Ended::of(command.args(arguments).env_clear().stdin(Stdio::null())).with_code(0);
    assert_eq!(ended.stderr, "");
    ended.stdout
}

/// What bash offers for the last of `words`.
fn completed(script: &str, words: &str) -> Vec<String> {
    let asking = r#"
        set -eu
        source "$1"
        read -ra COMP_WORDS <<<"$2"
        [ "${2% }" = "$2" ] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        registered=$(complete -p keywright)
        [[ $registered == *"-F _keywright "* ]]
        COMPREPLY=()
        _keywright keywright "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        for reply in "${COMPREPLY[@]}"; do case $reply in "${COMP_WORDS[COMP_CWORD]}"*) echo "$reply" ;; esac; done
    "#;
    let home = Home::new();
    let file = home.path().join("completions.bash");
    std::fs::write(&file, script).unwrap();
    Ended::of(Command::new("bash").arg("-n").arg(&file)).with_code(0);
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", asking, "bash"])
        .arg(&file)
        .arg(words)
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    let mut offered: Vec<String> =
        Ended::of(&mut bash).with_code(0).stdout.lines().map(str::to_owned).collect();
    // Flags go everywhere; only where nothing else is offered are they looked at.
    if offered.iter().any(|word| !word.starts_with('-')) {
        offered.retain(|word| !word.starts_with('-'));
    }
    offered.sort();
    offered
}
