//! The rows about accounts that are made with a code from a mailbox.

use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use crate::bench::Fallible;
use crate::bench::control::Session;
use crate::bench::part::Part;
use crate::bench::scene::Bench;
use crate::bench::table::{Measure, milliseconds};
use crate::figures::percentile;
use crate::process;

/// M1: an account, an organization and a key, from the request for a code to the key; the mail is a file.
pub(super) fn end_to_end(bench: &Bench) -> Fallible<Vec<Measure>> {
    let server = Signups::start(bench, "signups")?;
    let mut session = Session::open(server.part.address)?;
    let signups = bench.options.scaled(1_000).max(5);
    let (mut request, mut complete) = (Vec::new(), Vec::new());
    let before = process::processor_time(&server.part.processes);
    let begun = Instant::now();
    for number in 0..signups {
        let asked = Instant::now();
        let code = server.ask(&mut session, number)?;
        request.push(nanoseconds(asked));
        let completed = Instant::now();
        let body = json!({ "email": mailbox(number), "code": code });
        let (status, answer) = session.call_from(&address(number), COMPLETE, &body)?;
        complete.push(nanoseconds(completed));
        if status != 200 || !answer["data"]["apiKey"]["raw"].is_string() {
            return Err(format!("sign-up {number}: {answer}"));
        }
    }
    let took = begun.elapsed().as_secs_f64();
    let used = (process::processor_time(&server.part.processes) - before) as f64 / signups as f64;
    let [request, complete] = [request, complete].map(|mut times| percentile(&mut times, 50.0) as f64);
    Ok(vec![
        Measure::new("sign-ups a second, one after the other", signups as f64 / took).from(format!(
            "{signups} of them; p50 of the request with its mail {}, of the completion {}",
            milliseconds(request),
            milliseconds(complete)
        )),
        Measure::new("CPU us each", used),
    ])
}

/// M2: a wrong code, which is counted on the disk before it is answered.
pub(super) fn check(bench: &Bench) -> Fallible<Vec<Measure>> {
    let server = Signups::start(bench, "codes")?;
    let mut session = Session::open(server.part.address)?;
    // Each code takes four wrong tries before the one that voids it.
    let codes = bench.options.scaled(100).max(5);
    let mut wrong = Vec::new();
    for number in 0..codes {
        let code = server.ask(&mut session, number)?;
        wrong.push(if code == "000000" { "111111" } else { "000000" });
    }
    let mut times = Vec::new();
    let before = process::processor_time(&server.part.processes);
    for (number, wrong) in wrong.iter().enumerate() {
        for left in (1..=4).rev() {
            let begun = Instant::now();
            let body = json!({ "email": mailbox(number), "code": wrong });
            let (_, answer) = session.call_from(&address(number), COMPLETE, &body)?;
            times.push(nanoseconds(begun));
            if answer["error"]["details"]["attemptsRemaining"] != json!(left) {
                return Err(format!("a wrong code: {answer}"));
            }
        }
    }
    let used = (process::processor_time(&server.part.processes) - before) as f64 / times.len() as f64;
    let from = format!("{} checks, p50 {}", times.len(), milliseconds(percentile(&mut times, 50.0) as f64));
    Ok(vec![Measure::new("CPU us each", used).from(from)])
}

/// A Keywright behind a proxy, so that callers come from many addresses; its mails are files.
struct Signups {
    part: Part,
    outbox: std::path::PathBuf,
}

impl Signups {
    fn start(bench: &Bench, name: &str) -> Fallible<Self> {
        let setting = bench.setting(name);
        let part = setting.serve_with(&["--trusted-proxies", "127.0.0.1"])?;
        Ok(Self { part, outbox: setting.folder.join("outbox") })
    }

    /// Asks for a code and takes it out of the mail.
    fn ask(&self, session: &mut Session, number: usize) -> Fallible<String> {
        let body = json!({ "email": mailbox(number) });
        let (status, answer) = session.call_from(&address(number), REQUEST, &body)?;
        if status != 200 {
            return Err(format!("no code for {}: {answer}", mailbox(number)));
        }
        code_of(&self.outbox, &answer)
    }
}

/// The code in the one mail that lies there, which is taken away.
pub(super) fn code_of(outbox: &Path, answer: &Value) -> Fallible<String> {
    let failed = |error: std::io::Error| format!("{}: {error}", outbox.display());
    let mail = fs::read_dir(outbox).map_err(failed)?.next().ok_or_else(|| format!("no mail: {answer}"))?;
    let path = mail.map_err(failed)?.path();
    let text = fs::read_to_string(&path).map_err(failed)?;
    fs::remove_file(&path).map_err(failed)?;
    let code = text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6);
    code.map(str::to_owned).ok_or_else(|| "a mail without a code".to_owned())
}

fn mailbox(number: usize) -> String {
    format!("bench-{number}@example.com")
}

/// Callers are counted by address; each has one of its own.
fn address(number: usize) -> String {
    format!("10.0.{}.{}", number / 250, number % 250 + 1)
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

const REQUEST: &str = "/api/v1/auth/signup-request";
const COMPLETE: &str = "/api/v1/auth/signup-complete";
