//! The row about changes that are on the disk before they are answered.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use serde_json::json;

use crate::bench::Fallible;
use crate::bench::control::Session;
use crate::bench::keywright::Keywright;
use crate::bench::scene::Bench;
use crate::bench::table::{Measure, milliseconds};
use crate::figures::percentile;

/// G20: making and deleting a key, beside what the disk takes to promise anything at all.
pub(super) fn keys(bench: &Bench) -> Fallible<Vec<Measure>> {
    let keywright = Keywright::start(&bench.setting("durable"))?;
    let address = keywright.part.address;
    let mut control = Session::open(address)?;
    let mut caller = Session::open(address)?;
    let call = json!({ "model": "json", "max_tokens": 8, "messages": [{ "role": "user", "content": "x" }] });
    let file = synced_file(&bench.folder("fdatasync")).map_err(|error| error.to_string())?;
    let (mut sync, mut create, mut revoke, mut survived) = (Vec::new(), Vec::new(), Vec::new(), 0_u32);
    for number in 0..bench.options.scaled(300).max(5) {
        let begun = Instant::now();
        let place = (number * PAGE) as u64 % FILE as u64;
        file.write_all_at(&[1; PAGE], place)
            .and_then(|()| file.sync_data())
            .map_err(|error| error.to_string())?;
        sync.push(nanoseconds(begun));

        let begun = Instant::now();
        let name = json!({ "name": format!("durable {number}") });
        let made = control.call("POST", "/api/v1/keys", &keywright.account, Some(&name))?;
        create.push(nanoseconds(begun));
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        let (id, key) = (text("keyId"), text("raw"));
        let mut ask = || caller.message(&key, &call);
        if ask()? != 200 {
            return Err("a key that was just made is refused".to_owned());
        }
        let begun = Instant::now();
        control.call("DELETE", &format!("/api/v1/keys/{id}"), &keywright.account, None)?;
        revoke.push(nanoseconds(begun));
        survived += u32::from(ask()? != 401);
    }
    let [sync, create, revoke] = [sync, create, revoke].map(|mut times| percentile(&mut times, 50.0) as f64);
    let from = |time| format!("{}, one fdatasync of 4 KiB {}", milliseconds(time), milliseconds(sync));
    Ok(vec![
        Measure::new("create / one fdatasync", create / sync).most(2.0).stretch(1.6).from(from(create)),
        Measure::new("revoke / one fdatasync", revoke / sync).most(2.0).stretch(1.6).from(from(revoke)),
        Measure::new("requests that a revoked key still had, on an open connection", f64::from(survived))
            .most(0.0),
    ])
}

/// A file that is on the disk with its whole length: a write into it changes nothing but its bytes, as with
/// a log that is used again.
fn synced_file(path: &Path) -> io::Result<File> {
    fs::write(path, vec![0; FILE])?;
    let file = File::options().write(true).open(path)?;
    file.sync_all()?;
    Ok(file)
}

const PAGE: usize = 4096;
const FILE: usize = 1024 * PAGE;

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
