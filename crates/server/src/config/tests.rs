//! The configuration as a whole: layers, problems, rules.

use std::fs;

use tempfile::TempDir;

use super::*;

type Loaded = Result<(Config, Vec<Warning>), Vec<Problem>>;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Loads with a home of its own beside what is given.
fn load(flags: &[(&str, &str)], environment: &[(&str, &str)], file: Option<&str>) -> (Loaded, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let path = file.map(|text| {
        let path = folder.path().join("keywright.toml");
        fs::write(&path, text).expect("writes");
        path
    });
    let mut environment = map(environment);
    environment.entry("HOME".to_owned()).or_insert_with(|| "/home/somebody".to_owned());
    (Config::load(&map(flags), &environment, path), folder)
}

fn good(flags: &[(&str, &str)], environment: &[(&str, &str)], file: Option<&str>) -> (Config, Vec<Warning>) {
    load(flags, environment, file).0.expect("a good configuration")
}

fn bad(flags: &[(&str, &str)], environment: &[(&str, &str)], file: Option<&str>) -> Vec<String> {
    let problems = load(flags, environment, file).0.expect_err("problems");
    problems.iter().map(ToString::to_string).collect()
}

fn source(config: &Config, path: &str) -> Sourced {
    config.sources().iter().find(|sourced| sourced.path == path).expect(path).clone()
}

#[test]
fn nothing_said_gives_the_documented_defaults() {
    let (config, warnings) = good(&[], &[], None);
    assert_eq!(warnings, []);
    assert_eq!(config.listen, "127.0.0.1:5399".parse().expect("an address"));
    assert_eq!(config.public_url(config.listen).as_str(), "http://127.0.0.1:5399/");
    assert_eq!(config.operations, "127.0.0.1:5398".parse().ok());
    assert_eq!(config.data_dir, PathBuf::from("/home/somebody/.local/share/keywright"));
    assert_eq!(config.master_key_file, config.data_dir.join("master.key"));
    assert_eq!(config.database, Database::Sqlite);
    assert!(config.master_key.is_none() && config.tls.is_none() && config.extra_ca.is_none() && !config.demo);
    assert_eq!((config.auth.temporary, config.auth.temporary_ttl), (true, Duration::from_secs(72 * 3600)));
    let limits = (config.auth.temporary_per_minute.get(), config.auth.temporary_per_day.get());
    assert_eq!(limits, (300, 10_000));
    assert_eq!((config.auth.hide_accounts, &config.signup), (false, &Signup::Open));
    assert_eq!(config.mail, MailSettings::default());
    assert_eq!(
        config.gateway,
        Gateway {
            allow_byok: true,
            max_body: 32 << 20,
            max_buffered: 256 << 20,
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(300),
        }
    );
    assert_eq!(config.drain, Duration::from_secs(30));
    let retention = Some(Duration::from_secs(60 * 86_400));
    assert_eq!(config.records, Records { mode: RecordsMode::Strict, retention });
    assert_eq!(config.log_format, LogFormat::Text);
    assert!(config.data_plane_threads >= 1);
    assert!(config.providers.is_empty());
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file =
        Some("drain = \"1s\"\n[gateway]\nmax_body = \"1MiB\"\n[records]\nmode = \"batched\"\nretention = 0");
    let environment =
        [("KEYWRIGHT_DRAIN", "2s"), ("KEYWRIGHT_GATEWAY_MAX_BODY", "2MiB"), ("KEYWRIGHT_LISTEN", "")];
    let (config, _) = good(&[("drain", "3s")], &environment, file);
    assert_eq!(config.drain, Duration::from_secs(3));
    assert_eq!(config.gateway.max_body, 2 << 20);
    assert_eq!(config.records, Records { mode: RecordsMode::Batched, retention: None });
    for (path, value, from) in [
        ("drain", "3s", "--drain"),
        ("gateway.max_body", "2MiB", "KEYWRIGHT_GATEWAY_MAX_BODY"),
        ("listen", "127.0.0.1:5399", "default"),
        ("public_url", "http://127.0.0.1:5399/", "default"),
    ] {
        let sourced = source(&config, path);
        assert_eq!((sourced.value.as_str(), sourced.source.to_string().as_str()), (value, from));
    }
    assert!(matches!(source(&config, "records.mode").source, Source::File(_)));
}

#[test]
fn every_key_in_force_is_listed_once_with_its_source() {
    let (config, _) = good(&[], &[], None);
    let optional = [
        "tls.cert",
        "tls.key",
        "tls.extra_ca",
        "auth.signup_domains",
        "auth.resources",
        "mail.smtp",
        "mail.from",
    ];
    for key in KEYS.iter().filter(|key| !key.later && !optional.contains(&key.path)) {
        let listed = config.sources().iter().filter(|sourced| sourced.path == key.path).count();
        assert_eq!(listed, 1, "{}", key.path);
    }
}

#[test]
fn every_key_takes_a_flag_a_variable_and_a_line_of_the_file() {
    for key in KEYS.iter().filter(|key| !key.later && key.kind != Kind::Path) {
        let value = match key.kind {
            Kind::Address | Kind::AddressOrOff => "127.0.0.1:6000",
            Kind::Origin => "http://localhost:6000",
            Kind::Hosts => "one.example,two.example",
            Kind::Networks => "",
            Kind::Database => "sqlite",
            Kind::Switch => "false",
            Kind::Duration => "7s",
            Kind::Size => "300MiB",
            Kind::Count(_) => "3",
            Kind::Word(words) => words[0],
            Kind::MailServer => "smtp://localhost:25",
            Kind::Sender => "Keywright <k@example.com>",
            Kind::Urls => "https://one.example/mcp,https://two.example",
            Kind::MailDomains => "one.example,two.example",
            Kind::Path => unreachable!("not among these"),
        };
        let beside = match key.path {
            // A body as large as all bodies together fits only when both are raised.
            "gateway.max_body" => vec![("gateway.max_buffered", "300MiB")],
            "auth.signup_domains" => vec![("auth.signup", "domains")],
            "mail.smtp" => vec![("mail.from", "k@example.com")],
            _ => vec![],
        };
        let (config, _) = good(&[&beside[..], &[(key.path, value)]].concat(), &[], None);
        assert_eq!(source(&config, key.path).source, Source::Flag(key.flag()), "{}", key.path);
        if !value.is_empty() {
            let (config, _) = good(&beside, &[(&key.variable(), value)], None);
            assert_eq!(source(&config, key.path).source, Source::Environment(key.variable()), "{}", key.path);
            let (config, _) = good(&beside, &[], Some(&format!("{} = \"{value}\"", key.path)));
            assert!(matches!(source(&config, key.path).source, Source::File(_)), "{}", key.path);
        }
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let file = "drain = \"soon\"\nnonsense = 1\n[gateway]\nmax_body = \"big\"\nmax_bodies = 2\n[tls]\ncert = \"/no\"";
    let problems = bad(&[("listen", "here"), ("x.y", "1")], &[("KEYWRIGHT_LOG_FORMAT", "xml")], Some(file));
    for expected in [
        "`drain` in ",
        "`nonsense` in ",
        "`gateway.max_body` in ",
        "`gateway.max_bodies` in ",
        "`tls.cert` in ",
        "`listen` from --listen: Expected an address like 127.0.0.1:5399, not `here`.",
        "--x.y: There is no such setting.",
        "`log.format` from KEYWRIGHT_LOG_FORMAT: Expected one of: text, json, not `xml`.",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(expected)), "{expected} in {problems:#?}");
    }
}

#[test]
fn a_value_that_does_not_fit_its_kind_is_refused() {
    for (path, value) in [
        ("listen", "localhost"),
        ("listen", "127.0.0.1:99999"),
        ("operations.listen", "none"),
        ("public_url", "https://x.example/path"),
        ("server_hosts", "a.example:80"),
        ("trusted_proxies", "10.0.0.0/99"),
        ("database", "mysql://x"),
        ("auth.temporary", "yes"),
        ("auth.temporary_ttl", "0"),
        ("gateway.max_body", "0"),
        ("gateway.max_body", "300MiB"),
        ("gateway.idle_timeout", "0"),
        ("records.content", "full"),
        ("data_plane.threads", "0"),
        ("data_dir", ""),
        ("operations.listen", "127.0.0.1:5399"),
        ("auth.hide_accounts", "yes"),
        ("auth.signup", "closed"),
        ("mail.from", "keywright"),
    ] {
        let problems = bad(&[(path, value)], &[], None);
        assert_eq!(problems.len(), 1, "{path}={value}: {problems:#?}");
    }
}

#[test]
fn what_comes_later_says_so() {
    for key in KEYS.iter().filter(|key| key.later) {
        assert!(bad(&[(key.path, "x")], &[], None)[0].contains("a later version"), "{}", key.path);
    }
    let file = "[tiers.free]\nmodels = [\"a\"]\n[forward]\nca = \"x\"";
    assert!(bad(&[], &[], Some(file)).iter().all(|problem| problem.contains("a later version")));
}

#[test]
fn an_unknown_variable_is_a_warning_and_the_command_lines_own_are_not() {
    let environment = [
        ("KEYWRIGHT_LISTNE", "x"),
        ("KEYWRIGHT_API_KEY", "x"),
        ("KEYWRIGHT_SERVER", "x"),
        ("KEYWRIGHT_HOME", "x"),
        ("KEYWRIGHT_NO_TEMPORARY", "1"),
        ("KEYWRIGHT_PROFILE", "x"),
        ("KEYWRIGHT_CLIENT_ID", "x"),
        ("KEYWRIGHT_ESSENTIAL_TRAFFIC_ONLY", "1"),
        ("KEYWRIGHT_TEST_POSTGRES", "x"),
        ("KEYWRIGHT_EMPTY", ""),
    ];
    let (_, warnings) = good(&[], &environment, None);
    let warnings: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["KEYWRIGHT_LISTNE is set, but there is no such setting."]);
}

#[test]
fn a_file_that_is_missing_or_broken_is_told_without_its_text() {
    let missing =
        Config::load(&BTreeMap::new(), &map(&[("HOME", "/h"), ("KEYWRIGHT_CONFIG", "/no/such")]), None);
    assert!(missing.expect_err("missing")[0].to_string().starts_with("/no/such: The file cannot be read"));
    let problems = bad(&[], &[], Some("drain = \"1s\"\nkey = sk-ant-canary\n"));
    assert!(problems[0].contains("Line 2 is not TOML") && !problems[0].contains("canary"), "{problems:?}");
}

#[test]
fn beyond_loopback_something_must_keep_tokens_from_being_read() {
    let open = ("listen", "0.0.0.0:5399");
    assert!(bad(&[open], &[], None)[0].contains("--insecure"));
    assert!(bad(&[("listen", "[::]:1")], &[], None)[0].contains("tls.cert"));
    let (config, warnings) = good(&[open, ("insecure", "true")], &[], None);
    assert!(!config.auth.temporary);
    assert!(warnings[0].to_string().contains("`public_url` is not set"));
    good(&[open, ("trusted_proxies", "10.0.0.1"), ("public_url", "https://k.example")], &[], None);
    let file = "[tls]\ncert = \"keywright.toml\"\nkey = \"keywright.toml\"";
    let (config, _) = good(&[open, ("public_url", "https://k.example")], &[], Some(file));
    assert!(config.tls.is_some_and(|tls| tls.cert.is_absolute()));
    assert!(bad(&[], &[], Some("tls.cert = \"keywright.toml\""))[0].contains("needs `tls.key`"));
}

#[test]
fn temporary_accounts_are_for_loopback_only() {
    for (flags, expected) in [
        (&[][..], true),
        (&[("listen", "[::1]:0")], true),
        (&[("listen", "[::ffff:127.0.0.1]:0")], true),
        (&[("public_url", "http://keywright.localhost:5399")], true),
        (&[("auth.temporary", "false")], false),
        (&[("public_url", "https://k.example")], false),
        (&[("trusted_proxies", "127.0.0.1")], false),
    ] {
        assert_eq!(good(flags, &[], None).0.auth.temporary, expected, "{flags:?}");
    }
    for beside in [("public_url", "https://k.example"), ("trusted_proxies", "127.0.0.1")] {
        assert!(bad(&[("auth.temporary", "true"), beside], &[], None)[0].contains("Temporary accounts need"));
    }
    let open = [("auth.temporary", "true"), ("listen", "0.0.0.0:0"), ("insecure", "true")];
    assert!(bad(&open, &[], None)[0].contains("Temporary accounts need"));
}

#[test]
fn a_password_in_the_database_url_is_never_shown() {
    let url = "postgres://me:canary@db.example/keywright?sslpassword=canary";
    let (config, _) = good(&[("database", url)], &[("KEYWRIGHT_MASTER_KEY", "canary-canary-canary")], None);
    assert!(matches!(&config.database, Database::Postgres(secret) if secret.expose() == url));
    assert!(!format!("{config:?}").contains("canary"));
    assert_eq!(source(&config, "database").value, "postgres://db.example/keywright");
}

#[test]
fn a_login_of_the_mail_server_is_never_shown() {
    let url = "smtps://me:canary%21@mail.example:1465";
    let (config, _) = good(&[("mail.smtp", url)], &[("KEYWRIGHT_MAIL_FROM", "k@example.com")], None);
    let login = config.mail.server.as_ref().and_then(|server| server.login.as_ref());
    assert_eq!(login.map(|login| login.password.expose()), Some("canary!"));
    assert!(!format!("{config:?}").contains("canary"));
    assert_eq!(source(&config, "mail.smtp").value, "smtps://mail.example:1465");
    for url in
        ["smtp://me:canary@mail.example/x", "smtp://me:can#canary@mail.example", "me:canary@mail.example"]
    {
        let problems = bad(&[("mail.smtp", url), ("mail.from", "k@example.com")], &[], None);
        assert!(problems[0].contains("Expected a URL like smtp://"), "{problems:?}");
        assert!(!problems.join("").contains("canary"), "{problems:?}");
    }
}

#[test]
fn mail_has_a_sender_and_beyond_loopback_a_missing_mail_server_is_told() {
    let smtp = ("mail.smtp", "smtp://mail.example");
    let from = ("mail.from", "Keywright <k@example.com>");
    assert!(bad(&[smtp], &[], None)[0].contains("It needs `mail.from` beside it"));
    let open = [("listen", "0.0.0.0:0"), ("insecure", "true"), ("public_url", "https://k.example")];
    let told = |flags: &[(&str, &str)]| {
        let warnings = good(flags, &[], None).1;
        warnings.iter().any(|warning| warning.to_string().contains("nobody gets mail"))
    };
    assert!(told(&open) && told(&open[2..]) && !told(&[]) && !told(&[from]));
    assert!(!told(&[&open[..], &[smtp, from]].concat()));
}

#[test]
fn who_may_sign_up_is_everybody_some_domains_or_who_was_invited() {
    let domains = ("auth.signup", "domains");
    let (config, _) = good(&[domains, ("auth.signup_domains", "Example.com, bücher.example.")], &[], None);
    let expected = ["example.com", "xn--bcher-kva.example"].map(str::to_owned).to_vec();
    assert_eq!(config.signup, Signup::Domains(expected));
    let file = "[auth]\nsignup = \"domains\"\nsignup_domains = [\"a.example\"]\nhide_accounts = true";
    let (config, _) = good(&[], &[], Some(file));
    assert_eq!(config.signup, Signup::Domains(vec!["a.example".to_owned()]));
    assert!(config.auth.hide_accounts);
    assert_eq!(good(&[("auth.signup", "invited")], &[], None).0.signup, Signup::Invited);
    assert!(bad(&[domains], &[], None)[0].contains("needs `auth.signup_domains`"));
    assert!(bad(&[("auth.signup_domains", "a.example")], &[], None)[0].contains("counts only beside"));
}

#[test]
fn providers_come_from_the_file_with_keys_from_variables_and_files() {
    let file = r#"
        [providers.anthropic]
        keys = ["env:FIRST", "file:second.key"]
        [providers.local]
        dialect = "openai"
        base_url = "http://127.0.0.1:11434"
    "#;
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("second.key"), "sk-ant-second-canary\n").expect("writes");
    fs::write(folder.path().join("k.toml"), file).expect("writes");
    let environment =
        map(&[("HOME", "/h"), ("FIRST", "sk-ant-first-canary"), ("OPENAI_API_KEY", "sk-x-canary")]);
    let (config, warnings) =
        Config::load(&BTreeMap::new(), &environment, Some(folder.path().join("k.toml"))).expect("good");
    let warned: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert!(matches!(&warned[..], [one] if one.ends_with("the provider keys of anthropic.")), "{warned:?}");
    let [anthropic, local] = config.providers.as_slice() else { panic!("{:?}", config.providers) };
    assert_eq!(anthropic.base_url.as_str(), "https://api.anthropic.com/");
    let keys: Vec<&str> = anthropic.keys.iter().map(|key| key.secret.expose()).collect();
    assert_eq!(keys, ["sk-ant-first-canary", "sk-ant-second-canary"]);
    assert_eq!((local.base_url.as_str(), local.keys.len()), ("http://127.0.0.1:11434/v1", 0));
    assert!(!format!("{config:?}").contains("canary"));
    assert_eq!(
        source(&config, "providers.anthropic.keys").value,
        "env:FIRST (sk...ry), file:second.key (sk-a...nary)"
    );
}

#[test]
fn providers_that_cannot_work_are_refused_without_showing_a_key() {
    for (file, expected) in [
        ("[providers.Bad]", "A provider's name"),
        ("[providers.mine]", "`dialect` must be"),
        ("[providers.mine]\ndialect = \"openai\"", "`base_url` is missing"),
        ("[providers.mine]\ndialect = \"soap\"\nbase_url = \"https://x\"", "`dialect` must be"),
        ("[providers.openai]\nbase_url = \"https://me:canary@x/v1\"", "without login"),
        ("[providers.openai]\nkeys = [\"env:NO_SUCH\"]", "NO_SUCH"),
        ("[providers.openai]\nkeys = [\"file:no-such\"]", "cannot be read"),
        ("[providers.openai]\nkeys = [\"sk-ant-canary\"]", "a key of Anthropic"),
        ("[providers.openai]\nkeys = [\"key_0192canary\"]", "a later version"),
        ("[providers.openai]\nkeys = \"env:KEY\"", "must be a list"),
        ("[providers.openai]\nkeys = [\"env:KEY\", \"env:SAME\"]", "stands before it already"),
        ("[providers.openai]\nkeys = [\"env:TWO_WORDS\"]", "one word of ASCII"),
        ("[providers.openai]\nkey = \"x\"", "There is no setting `key`."),
        ("providers.openai = 1", "Expected a table."),
        (
            "demo = true\n[providers.demo]\ndialect = \"openai\"\nbase_url = \"https://x/v1\"",
            "built-in provider",
        ),
    ] {
        let environment = [("KEY", "sk-canary"), ("SAME", "sk-canary"), ("TWO_WORDS", "sk canary")];
        let problems = bad(&[], &environment, Some(file));
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{file}: {problems:#?}");
        assert!(problems.iter().all(|problem| !problem.contains("canary")), "{problems:#?}");
    }
}

#[test]
fn with_no_provider_configured_the_usual_variables_serve_and_boot_warns_of_it() {
    let environment = [
        ("ANTHROPIC_API_KEY", "sk-ant-canary-one"),
        ("GEMINI_API_KEY", " AIza-canary-two \n"),
        ("GROQ_API_KEY", ""),
        ("AZURE_OPENAI_API_KEY", "canary"),
        ("OPENAI_API_KEY", "at_kw_canary"),
    ];
    let (config, warnings) = good(&[], &environment, None);
    let served: Vec<(&str, &str)> =
        config.providers.iter().map(|it| (it.name.as_str(), it.keys[0].secret.expose())).collect();
    assert_eq!(served, [("anthropic", "sk-ant-canary-one"), ("google", "AIza-canary-two")]);
    let warnings = warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for expected in ["AZURE_OPENAI_API_KEY is ignored", "OPENAI_API_KEY holds a Keywright token", "can spend"]
    {
        assert!(warnings.contains(expected), "{warnings}");
    }
    assert!(!warnings.contains("canary"));
    let (_, warnings) = good(&[("auth.temporary", "false")], &environment[..1], None);
    assert_eq!(warnings, []);
}

#[test]
fn an_address_in_the_environment_counts_beside_the_key_and_a_bad_one_refuses_to_start() {
    let key = ("OPENAI_API_KEY", "sk-canary");
    let (config, _) = good(&[], &[key, ("OPENAI_BASE_URL", "https://llm.corp.example/v1")], None);
    let source = config.sources().iter().find(|set| set.path == "providers.openai.base_url").expect("noted");
    assert_eq!(
        (source.value.as_str(), source.source.to_string().as_str()),
        ("https://llm.corp.example/v1", "OPENAI_BASE_URL")
    );
    let environment = [key, ("OPENAI_BASE_URL", "llm.corp.example"), ("HOME", "/h")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let problems = Config::load(&BTreeMap::new(), &environment, None).expect_err("refused");
    assert_eq!(problems[0].place, "OPENAI_BASE_URL");
}
