//! Rows about programs that start.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::bench::control::Session;
use crate::bench::keywright::Keywright;
use crate::bench::scene::Bench;
use crate::bench::table::{Measure, shown};
use crate::bench::{Fallible, nginx};
use crate::figures::median;

/// G19: from the start of the process to the first model call that it answered, on a database that is
/// there already.
pub(super) fn start(bench: &Bench) -> Fallible<Vec<Measure>> {
    let setting = bench.setting("start");
    let mut keywright = Keywright::start(&setting)?;
    let (mut ours, mut base) = (Vec::new(), Vec::new());
    for round in 0..bench.options.rounds.max(bench.options.scaled(10)) {
        keywright.part.stop();
        let begun = Instant::now();
        keywright.part = setting.serve()?;
        until_answered(keywright.part.address, &keywright.keys[0])?;
        ours.push(begun.elapsed().as_secs_f64() * 1000.0);
        let folder = bench.folder(&format!("nginx-start-{round}"));
        let begun = Instant::now();
        let plain = nginx::start(bench.cores, &folder, bench.provider.address)?;
        until_answered(plain.address, nginx::TOKEN)?;
        base.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    let (ours, base) = (median(ours), median(base));
    Ok(vec![Measure::new("ms", ours).most(100.0).stretch(60.0).from(format!("nginx {} ms", shown(base)))])
}

/// Calls a model until it answers.
pub(super) fn until_answered(address: SocketAddr, token: &str) -> Fallible<()> {
    let body = json!({ "model": "json", "max_tokens": 8, "messages": [{ "role": "user", "content": "x" }] });
    let begun = Instant::now();
    loop {
        let asked = Session::open(address).and_then(|mut session| session.message(token, &body));
        match asked {
            Ok(200) => return Ok(()),
            other if begun.elapsed() > Duration::from_secs(30) => {
                return Err(format!("{address} does not answer a model call: {other:?}"));
            }
            _ => std::thread::sleep(Duration::from_micros(500)),
        }
    }
}

/// G22: commands that need no server.
pub(super) fn commands(bench: &Bench) -> Fallible<Vec<Measure>> {
    let folder = bench.folder("commands");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let hello = hello(&folder)?;
    let gh = Command::new("gh").arg("--version").output().is_ok();
    let mut programs = vec![
        (hello.as_path(), vec![]),
        (bench.binary.as_path(), vec!["--version"]),
        (bench.binary.as_path(), vec!["status"]),
    ];
    if gh {
        programs.push((Path::new("gh"), vec!["--version"]));
    }
    let mut times = vec![Vec::new(); programs.len()];
    for _ in 0..bench.options.scaled(400) {
        for ((program, arguments), times) in programs.iter().zip(&mut times) {
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .env("HOME", &folder);
            let begun = Instant::now();
            command.status().map_err(|error| format!("{}: {error}", program.display()))?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
    }
    let times: Vec<f64> = times.into_iter().map(median).collect();
    let [hello, version, status] = [times[0], times[1], times[2]];
    let from = |time| format!("{} ms, a static hello {} ms", shown(time), shown(hello));
    let mut measures = vec![
        Measure::new("`--version` / a static hello", version / hello)
            .most(4.0)
            .stretch(2.5)
            .from(from(version)),
        Measure::new("`status` / a static hello", status / hello).most(4.0).stretch(2.5).from(from(status)),
    ];
    match times.get(3) {
        Some(gh) => measures.push(
            Measure::new("`status` / gh", status / gh)
                .most(0.1)
                .stretch(0.06)
                .from(format!("gh {} ms", shown(*gh))),
        ),
        None => eprintln!("bench: gh is not installed, so G22 has no comparison with it"),
    }
    Ok(measures)
}

/// The least that a program can do, linked statically.
fn hello(folder: &Path) -> Fallible<std::path::PathBuf> {
    let (source, program) = (folder.join("hello.rs"), folder.join("hello"));
    fs::write(&source, "fn main() { println!(\"hello\"); }\n").map_err(|error| error.to_string())?;
    let mut command = Command::new("rustc");
    command.args(["-O", "-C", "target-feature=+crt-static", "-o"]).arg(&program).arg(&source);
    match command.status() {
        Ok(status) if status.success() => Ok(program),
        Ok(status) => Err(format!("rustc: {status}")),
        Err(error) => Err(format!("rustc: {error}")),
    }
}
