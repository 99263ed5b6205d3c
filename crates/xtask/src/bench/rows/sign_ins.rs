//! The rows about applications that are let in: how much of it a second of processor time is good for. One request after
//! the other, what changes anything on the disk before it is answered.

use std::time::Instant;

use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use super::signups::code_of;
use crate::bench::Fallible;
use crate::bench::control::{Answer, Session};
use crate::bench::part::Part;
use crate::bench::scene::Bench;
use crate::bench::table::{Measure, milliseconds};
use crate::figures::percentile;
use crate::process;

/// M3: a person presses "Let it in", and the browser is sent back with a code.
pub(super) fn codes(bench: &Bench) -> Fallible<Vec<Measure>> {
    let mut person = Person::sign_in(bench, "codes-issued")?;
    let asked = person.asked(CLI)?;
    let issued = person.timed(calls(bench), |person, _| person.code(&asked).map(drop))?;
    Ok(vec![issued.measure("codes issued in a CPU second")])
}

/// M4: codes and refresh tokens are exchanged.
pub(super) fn tokens(bench: &Bench) -> Fallible<Vec<Measure>> {
    let mut person = Person::sign_in(bench, "tokens")?;
    let asked = person.asked(CLI)?;
    let client = [("client_id", CLI)];
    let (count, mut tokens, mut exchanged) = (calls(bench), Vec::new(), Cost::default());
    // No more codes of a person wait.
    while tokens.len() < count {
        let some = (count - tokens.len()).min(20);
        let codes = (0..some).map(|_| person.code(&asked)).collect::<Fallible<Vec<String>>>()?;
        let cost = person.timed(some, |person, number| {
            tokens.push(person.exchange(&client, &codes[number])?);
            Ok(())
        })?;
        exchanged.add(cost);
    }
    let refreshed = person.timed(count, |person, number| {
        let token = text(&tokens[number], "refresh_token");
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", token)];
        person.token(&[&client[..], &refresh].concat()).map(drop)
    })?;
    Ok(vec![
        exchanged.measure("code exchanges in a CPU second"),
        refreshed.measure("refreshes in a CPU second"),
    ])
}

/// M5: applications with a secret ask what their tokens are worth. Each may ask a hundred times at once.
pub(super) fn introspection(bench: &Bench) -> Fallible<Vec<Measure>> {
    let mut person = Person::sign_in(bench, "introspection")?;
    let count = calls(bench);
    let askers = (0..count.div_ceil(100)).map(|number| person.asker(number)).collect::<Fallible<Vec<_>>>()?;
    let asked = person.timed(count, |person, number| {
        let answer = person.session.form("/oauth/introspect", "", &pairs(&askers[number / 100]))?;
        let active = answer.body.contains("\"active\":true");
        if active { Ok(()) } else { Err(format!("introspection: {}", answer.body)) }
    })?;
    Ok(vec![asked.measure("introspections in a CPU second")])
}

/// A person who is signed in at the pages of a Keywright of their own.
struct Person {
    part: Part,
    session: Session,
    /// The header lines of their browser.
    browser: String,
    /// What their forms carry.
    form: String,
}

/// What an application asks a person for.
struct Asked {
    link: String,
    organization: String,
}

/// What requests have cost.
#[derive(Default)]
struct Cost {
    processor: u64,
    times: Vec<u64>,
}

impl Cost {
    fn add(&mut self, other: Self) {
        self.processor += other.processor;
        self.times.extend(other.times);
    }

    fn measure(mut self, name: &'static str) -> Measure {
        let (count, used) = (self.times.len() as f64, self.processor.max(1) as f64);
        let middle = milliseconds(percentile(&mut self.times, 50.0) as f64);
        Measure::new(name, count * 1e6 / used)
            .from(format!("{count} one after the other, {:.0} us of CPU each, p50 {middle}", used / count))
    }
}

impl Person {
    fn sign_in(bench: &Bench, name: &str) -> Fallible<Self> {
        let setting = bench.setting(name);
        let part = setting.serve_with(&["--trusted-proxies", "127.0.0.1"])?;
        let session = Session::open(part.address)?;
        let browser = "sec-fetch-site: same-origin\r\n".to_owned();
        let mut person = Self { part, session, browser, form: String::new() };
        person.post("/login", &[("email", "bench@example.com")])?;
        let code = code_of(&setting.folder.join("outbox"), &Value::Null)?;
        person.form = person.hidden("/login/code", "form")?;
        person.post("/login/code", &[("code", &code)])?;
        person.form = person.hidden("/account", "form")?;
        Ok(person)
    }

    /// Sends a form of a page, which must send the browser on; the cookie that comes along is kept.
    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Fallible<Answer> {
        let fields = [&[("form", self.form.as_str())], fields].concat();
        let answer = self.session.form(path, &self.browser, &fields)?;
        if answer.status != 303 {
            return Err(format!("POST {path}: {} {}", answer.status, answer.body));
        }
        if let Some(cookie) = answer.header("set-cookie").split(';').next().filter(|it| !it.is_empty()) {
            self.browser = format!("cookie: {cookie}\r\nsec-fetch-site: same-origin\r\n");
        }
        Ok(answer)
    }

    /// The value of the first field of that name on a page.
    fn hidden(&mut self, path: &str, name: &str) -> Fallible<String> {
        let page = self.session.page(path, &self.browser)?;
        let after = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1);
        let value = after.and_then(|after| after.split('"').next());
        value.map(str::to_owned).ok_or_else(|| format!("no {name} on {path}: {}", page.body))
    }

    fn asked(&mut self, client: &str) -> Fallible<Asked> {
        let mut query = Serializer::new(String::new());
        query.extend_pairs([
            ("client_id", client),
            ("redirect_uri", callback(client)),
            ("response_type", "code"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        let link = format!("/oauth/authorize?{}", query.finish());
        Ok(Asked { organization: self.hidden(&link, "organization")?, link })
    }

    /// Lets the application in: its code.
    fn code(&mut self, asked: &Asked) -> Fallible<String> {
        let fields = [("organization", asked.organization.as_str()), ("decision", "allow")];
        let answer = self.post(&asked.link, &fields)?;
        let url = Url::parse(answer.header("location")).map_err(|error| error.to_string())?;
        let code = url.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code.into_owned());
        code.ok_or_else(|| format!("no code in {url}"))
    }

    fn exchange(&mut self, client: &[(&str, &str)], code: &str) -> Fallible<Value> {
        let grant = [
            ("grant_type", "authorization_code"),
            ("redirect_uri", callback(client[0].1)),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.token(&[client, &grant].concat())
    }

    fn token(&mut self, grant: &[(&str, &str)]) -> Fallible<Value> {
        let answer = self.session.form("/oauth/token", "", grant)?;
        match answer.status {
            200 => serde_json::from_str(&answer.body).map_err(|error| error.to_string()),
            status => Err(format!("the token endpoint: {status} {}", answer.body)),
        }
    }

    /// An application with a secret that was let in: what it asks with.
    fn asker(&mut self, number: usize) -> Fallible<[(&'static str, String); 3]> {
        let metadata = json!({ "redirect_uris": [SITE], "token_endpoint_auth_method": "client_secret_post" });
        let (_, made) =
            self.session.call_from(&format!("10.0.0.{}", number + 1), "/oauth/register", &metadata)?;
        let client =
            [("client_id", text(&made, "client_id")), ("client_secret", text(&made, "client_secret"))];
        let asked = self.asked(client[0].1)?;
        let code = self.code(&asked)?;
        let tokens = self.exchange(&client, &code)?;
        let [id, secret] = client.map(|(name, value)| (name, value.to_owned()));
        Ok([id, secret, ("token", text(&tokens, "access_token").to_owned())])
    }

    /// Does something so many times.
    fn timed(
        &mut self,
        count: usize,
        mut once: impl FnMut(&mut Self, usize) -> Fallible<()>,
    ) -> Fallible<Cost> {
        let before = process::processor_time(&self.part.processes);
        let mut times = Vec::new();
        for number in 0..count {
            let begun = Instant::now();
            once(self, number)?;
            times.push(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
        Ok(Cost { processor: process::processor_time(&self.part.processes) - before, times })
    }
}

/// Where the answer goes: only what is no program on the person's machine has a secret.
fn callback(client: &str) -> &'static str {
    if client == CLI { "http://127.0.0.1/callback" } else { SITE }
}

fn calls(bench: &Bench) -> usize {
    bench.options.scaled(1_000).max(5)
}

fn pairs<'a>(fields: &'a [(&'static str, String); 3]) -> [(&'static str, &'a str); 3] {
    fields.each_ref().map(|(name, value)| (*name, value.as_str()))
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_default()
}

const CLI: &str = "keywright-cli";
const SITE: &str = "https://app.example/callback";
/// Those of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
