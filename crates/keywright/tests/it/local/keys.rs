//! Which keys are used, and that no program sees one.

use std::fs;

use crate::home::{Ended, Home};

use super::{Running, Upstream, store};

#[test]
fn no_program_holds_a_key_in_its_environment_or_finds_one_in_its_home() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let script = "env; tr '\\0' '\\n' < /proc/self/environ; tr '\\0' ' ' < /proc/$$/cmdline; \
                  tr '\\0' ' ' < /proc/$PPID/cmdline; grep -r 'c[a]nary' \"$HOME\"; echo grep said $?";
    let mut command = upstream.command(&home, &["run", "--", "sh", "-c", script]);
    for name in
        ["OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "GROQ_API_KEY"]
    {
        command.env(name, format!("canary-{name}"));
    }
    command.env("ANTHROPIC_AUTH_TOKEN", "canary-of-a-token");
    command
        .env("ANTHROPIC_CUSTOM_HEADERS", "x-api-key: canary-of-a-header")
        .env("KEYWRIGHT_API_KEY", "canary-of-ours");
    // They are not only for models.
    command.env("GH_TOKEN", "stays-1").env("AWS_SECRET_ACCESS_KEY", "stays-2").env("GITHUB_TOKEN", "stays-3");
    let ended = Ended::of(&mut command).with_code(0);
    assert!(!ended.stdout.contains("canary"), "{}", ended.stdout);
    assert!(ended.stdout.contains("grep said 1"), "{}", ended.stdout);
    for kept in ["stays-1", "stays-2", "stays-3"] {
        assert!(ended.stdout.contains(kept), "{}", ended.stdout);
    }
    for told in ["ANTHROPIC_API_KEY", "GROQ_API_KEY", "AZURE_OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN"] {
        assert!(ended.stderr.contains(told), "{told}: {}", ended.stderr);
    }
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    assert!(ended.stderr.contains("KEYWRIGHT_API_KEY is not used"), "{}", ended.stderr);
}

#[test]
#[cfg(target_os = "linux")]
fn no_program_reads_a_key_out_of_the_run_that_started_it() {
    let (home, upstream) = (Home::new(), Upstream::start());
    // The superuser may read anything, so that power is given up first, for both of them.
    let script = "[ \"$(id -u)\" = 0 ] && drop='setpriv --bounding-set=-all'; exec $drop \"$0\" \"$@\"";
    let keywright = env!("CARGO_BIN_EXE_keywright");
    let read = "cat /proc/$PPID/environ /proc/$PPID/mem && echo readable";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, keywright, "run", "--", "sh", "-c", read]).env_clear();
    for (name, value) in upstream.command(&home, &[]).get_envs() {
        command.env(name, value.unwrap());
    }
    let ended = Ended::of(command.current_dir(home.path()).stdin(std::process::Stdio::null()));
    assert!(ended.stderr.contains("Local mode"), "{}", ended.stderr);
    assert!(!ended.stdout.contains("canary") && !ended.stdout.contains("readable"), "{}", ended.stdout);
    assert_eq!(ended.stderr.matches("Permission denied").count(), 2, "{}", ended.stderr);
}

#[test]
fn without_a_key_nothing_starts_and_the_ways_on_are_named() {
    let home = Home::new();
    let ended = home.run(["run", "--", "sh", "-c", "touch started"]).with_code(3);
    for named in ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "providers.json", "run --demo", "keywright serve"] {
        assert!(ended.stderr.contains(named), "{named}: {}", ended.stderr);
    }
    let json = home.run(["run", "--json", "--", "true"]).with_code(3).json();
    assert_eq!(json["error"]["code"], "NO_LOCAL_KEY");
    // Claude Code cannot use this one.
    let mut command = home.command(["run", "--", "claude", "-p", "hello"]);
    let ended = Ended::of(command.env("OPENAI_API_KEY", "sk-proj-canary")).with_code(3);
    assert!(
        ended.stderr.contains("Set ANTHROPIC_API_KEY") && !ended.stderr.contains("OPENAI"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn a_stored_key_comes_before_the_environment() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let stored = "sk-ant-api03-stored-9876543210";
    let text = format!(r#"{{"anthropic":{{"type":"api_key","key":"{stored}"}}}}"#);
    let file = store(&home, &text);
    let run = Running::start(&mut upstream.command(&home, &["run", "--"]));
    run.message(false).send().with_status(200);
    assert_eq!(upstream.provider.only().header("x-api-key"), Some(stored));
    let (_, words) = run.end();
    assert!(words.contains("sk-a...3210") && words.contains("providers.json"), "{words}");
    assert!(words.contains("Taken out of the program's environment: ANTHROPIC_API_KEY"), "{words}");
    assert_eq!(fs::read_to_string(file).unwrap(), text);
}

#[test]
fn what_is_stored_and_cannot_be_used_is_told_and_neither_run_nor_sent_nor_passed_over() {
    for (entry, told) in [
        (r#"{"type":"oauth","access":"canary","refresh":"canary","expires":1}"#, "sign-in"),
        (r#"{"type":"api_key","key":"!touch ran; echo canary"}"#, "command"),
        (r#"{"type":"api_key","key":"$OTHER"}"#, "variable"),
        (r#"{"type":"api_key","key":"sk_kw_canary"}"#, "Keywright token"),
    ] {
        let (home, upstream) = (Home::new(), Upstream::start());
        store(&home, &format!(r#"{{"anthropic":{entry}}}"#));
        let mut command = upstream.command(&home, &["run", "--", "claude"]);
        let ended = Ended::of(command.env("OTHER", "canary")).with_code(3);
        assert!(ended.stderr.contains(told) && !ended.stderr.contains("canary"), "{}", ended.stderr);
        assert!(!home.path().join("ran").exists());
        assert_eq!(upstream.provider.connections(), 0);
    }
}

#[test]
fn a_damaged_file_stops_the_run_and_stays_as_it_is() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let text = "{\"anthropic\": {\"type\": \"api_key\",\n \"key\": \"canary";
    let file = store(&home, text);
    let ended = Ended::of(&mut upstream.command(&home, &["run", "--", "true"])).with_code(1);
    assert!(ended.stderr.contains("providers.json") && ended.stderr.contains("line 2"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("canary"));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    // Where no key is needed it is of no concern.
    home.run(["run", "--demo", "--", "true"]).with_code(0);
    let status = home.run(["status"]).with_code(0).stdout;
    assert!(status.contains("is damaged"), "{status}");
}

#[test]
fn an_address_that_is_none_is_an_error_and_the_key_goes_nowhere() {
    let home = Home::new();
    let mut command = home.command(["run", "--", "true"]);
    command.env("OPENAI_API_KEY", "sk-proj-canary").env("OPENAI_BASE_URL", "https://me:pw-canary@x.example");
    let ended = Ended::of(&mut command).with_code(1);
    assert!(ended.stderr.contains("OPENAI_BASE_URL") && !ended.stderr.contains("canary"), "{}", ended.stderr);
}
