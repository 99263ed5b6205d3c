//! `keywright login` by a browser, as RFC 8252 wants it; the test is the browser.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use keywright_testkit::Fault;
use url::Url;

use crate::signed_in::SignedIn;
use crate::signing_in::SigningIn;

/// A login by browser, and the address that it wants opened.
fn start(signed_in: &SignedIn, arguments: &[&str]) -> (SigningIn, Url) {
    let mut all = vec!["--browser", "--json"];
    all.extend(arguments);
    let login = SigningIn::start(signed_in, &all);
    let event = login.event();
    assert_eq!(event["event"], "url", "{event}");
    let url = event["url"].as_str().unwrap().parse().unwrap();
    (login, url)
}

/// Opens an address; status, location and body.
fn open(url: &Url, host: Option<&str>) -> (u16, Option<Url>, String) {
    let address = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let Ok(mut stream) = TcpStream::connect(&address) else { return (0, None, String::new()) };
    let host = host.unwrap_or(&address);
    let target = &url[url::Position::BeforePath..];
    write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let location = text.lines().find_map(|line| line.strip_prefix("location: "));
    (text[9..12].parse().unwrap(), location.map(|location| location.parse().unwrap()), text)
}

/// Consents at the issuer; where the browser is sent then.
fn consent(url: &Url) -> Url {
    let (status, location, _) = open(url, None);
    assert_eq!(status, 303);
    location.unwrap()
}

fn with_state(url: &Url, state: &str) -> Url {
    let mut other = url.clone();
    let fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    other.query_pairs_mut().clear().extend_pairs(
        fields
            .iter()
            .map(|(name, value)| (name.as_str(), if name == "state" { state } else { value.as_str() })),
    );
    other
}

#[test]
fn the_browser_comes_back_and_the_session_is_there() {
    let signed_in = SignedIn::nobody();
    let (login, url) = start(&signed_in, &[]);
    let back = consent(&url);
    assert_eq!(back.host_str(), Some("127.0.0.1"));
    let (status, _, page) = open(&back, None);
    assert_eq!(status, 200);
    let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    assert!(!page.contains(&code) && page.contains("go back to the terminal"), "{page}");
    assert_eq!(login.event()["event"], "signed_in");
    login.end().with_code(0);
    assert_eq!(open(&back, None).0, 0, "the port is still open");
    signed_in.run(["whoami"]).with_code(0);
    let call = signed_in.issuer.state().token_calls.pop().unwrap();
    assert_eq!((&call["grant_type"], &call["code"]), (&"authorization_code".to_owned(), &code));
    assert_eq!(call["resource"], signed_in.issuer.url);
}

#[test]
fn a_wrong_state_is_refused_the_right_one_counts_and_a_third_comes_too_late() {
    let signed_in = SignedIn::nobody();
    // The code is redeemed for as long as the issuer takes, and meanwhile the port answers.
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = Box::new(move || wait.recv_timeout(Duration::from_secs(30)).unwrap());
    signed_in.issuer.state().faults.push_back(Fault::After(wait, None));
    let (login, url) = start(&signed_in, &[]);
    let back = consent(&url);
    let denied: Url =
        format!("{}?error=access_denied&state=x", &back[..url::Position::AfterPath]).parse().unwrap();
    assert_eq!(open(&with_state(&back, "wrong"), None).0, 400);
    assert_eq!(open(&denied, None).0, 400);
    assert_eq!(open(&back, Some("evil.example")).0, 400);
    assert_eq!(open(&back, None).0, 200);
    assert_eq!(open(&back, None).0, 410);
    go_on.send(()).unwrap();
    assert_eq!(login.event()["event"], "signed_in");
    login.end().with_code(0);
}

#[test]
fn an_answer_of_another_issuer_ends_the_sign_in_and_its_code_goes_nowhere() {
    let signed_in = SignedIn::nobody();
    let (login, url) = start(&signed_in, &[]);
    let mut back = consent(&url);
    let fields: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    let fields = fields.iter().filter(|(name, _)| name != "iss");
    let fields: Vec<_> = fields.cloned().chain([("iss".into(), "https://evil.example".into())]).collect();
    back.query_pairs_mut().clear().extend_pairs(&fields);
    open(&back, None);
    let failed = login.event();
    assert_eq!(failed["error"]["code"], "SIGN_IN_REFUSED", "{failed}");
    login.end().with_code(4);
    assert_eq!(signed_in.issuer.state().token_calls_begun, 0);
}

#[test]
fn a_refusal_in_the_browser_is_told() {
    let signed_in = SignedIn::nobody();
    let (login, url) = start(&signed_in, &[]);
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let mut back = consent(&url);
    back.query_pairs_mut()
        .clear()
        .append_pair("error", "access_denied")
        .append_pair("state", &state)
        .append_pair("iss", &signed_in.issuer.url);
    let (status, _, page) = open(&back, None);
    assert!(status == 200 && page.contains("did not succeed"));
    assert_eq!(login.event()["error"]["code"], "SIGN_IN_REFUSED");
    login.end().with_code(4);
}

#[test]
fn the_last_address_can_be_pasted_and_so_can_the_code_alone() {
    for whole in [true, false] {
        let signed_in = SignedIn::nobody();
        let (mut login, url) = start(&signed_in, &[]);
        let back = consent(&url);
        login.paste("");
        login.paste("https://elsewhere.example/?code=x&state=y");
        login.said("does not belong to this sign-in");
        login.paste("hello");
        login.said("there is no code in it");
        assert_eq!(signed_in.issuer.state().token_calls_begun, 0);
        login.paste(&"0".repeat(64));
        login.said("does not take it as the code of this sign-in");
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        login.paste(&if whole { format!("  {back}  ") } else { code });
        assert_eq!(login.event()["event"], "signed_in");
        login.end().with_code(0);
        signed_in.run(["whoami"]).with_code(0);
    }
}

#[test]
fn nobody_comes_back_and_the_sign_in_ends_clearly() {
    let signed_in = SignedIn::nobody();
    let (login, _) = start(&signed_in, &["--timeout", "1s"]);
    let failed = login.event();
    assert_eq!(failed["error"]["code"], "SIGN_IN_EXPIRED");
    assert!(failed["error"]["nextAction"].as_str().unwrap().contains("--timeout"));
    login.end().with_code(7);
}

#[test]
fn the_browser_of_the_user_is_opened_with_the_address_and_the_address_is_said_as_well() {
    let signed_in = SignedIn::nobody();
    let browser = signed_in.home.path().join("browser");
    let seen = signed_in.home.path().join("seen");
    std::fs::write(
        &browser,
        format!("#!/bin/sh\nprintf %s \"$1\" > '{0}.part'; mv '{0}.part' '{0}'\n", seen.display()),
    )
    .unwrap();
    std::fs::set_permissions(&browser, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = signed_in.command(["login"]);
    let login = SigningIn::of(command.env("BROWSER", &browser));
    let said = login.said("/oauth/authorize");
    while !seen.exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let opened = std::fs::read_to_string(&seen).unwrap();
    assert_eq!(opened, said.trim());
    assert_eq!(open(&consent(&opened.parse().unwrap()), None).0, 200);
    login.end().with_code(0);
}

#[test]
fn without_an_opener_nothing_breaks() {
    let signed_in = SignedIn::nobody();
    let mut command = signed_in.command(["login"]);
    let login = SigningIn::of(command.env("DISPLAY", ":99").env("PATH", "/nonexistent"));
    let url: Url = login.said("/oauth/authorize").trim().parse().unwrap();
    login.said("open the address yourself");
    assert_eq!(open(&consent(&url), None).0, 200);
    login.end().with_code(0);
}
