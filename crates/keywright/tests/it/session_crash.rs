//! Sessions and processes that are killed while they refresh and write.

use std::process::Stdio;
use std::time::Instant;

use crate::signed_in::SignedIn;

#[test]
fn a_process_killed_at_any_point_leaves_the_old_pair_or_the_new() {
    let signed_in = SignedIn::ending_in(-5);
    // Every command refreshes, and so every command writes.
    signed_in.issuer.state().access_life = 30;
    let start = Instant::now();
    signed_in.run(["whoami"]).with_code(0);
    let whole = start.elapsed();
    let times = std::env::var("LONG_PROOFS").ok().and_then(|text| text.parse::<u32>().ok()).unwrap_or(1);
    let rounds = 20 * times;
    for round in 0..rounds {
        let mut child =
            signed_in.command(["whoami"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Spread over the whole of its life, in an order that wanders.
        let part = (round * 7) % rounds;
        std::thread::sleep(whole * part / rounds);
        child.kill().unwrap();
        child.wait().unwrap();
        let stored = signed_in.stored_refresh();
        assert!(signed_in.issuer.state().takes(&stored), "round {round} lost the session");
    }
    signed_in.run(["whoami"]).with_code(0);
    let left = std::fs::read_dir(signed_in.home.credentials().parent().unwrap()).unwrap().count();
    assert_eq!(left, 2, "something was left behind");
    assert!(signed_in.issuer.rotations() > 2);
}
