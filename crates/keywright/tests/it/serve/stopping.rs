//! How a server ends: case 155.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::call::{Answer, Opened};
use crate::home::Home;
use crate::served::Served;

const STREAMS: usize = 50;
const SAYS_IT_STOPS: &str = "Stopping:";

#[test]
fn at_sigterm_nothing_new_is_taken_what_runs_ends_whole_and_it_exits_0() {
    let home = Home::new();
    let mut served = Served::demo(&home);
    let token = served.temporary();
    let streams = open(&served, &token, "demo:words=30 demo:gap=50ms");
    served.signal(Signal::TERM);
    served.wait_for(SAYS_IT_STOPS);
    refuses_soon(&served);
    let answers = read_all(streams);
    let (status, log) = served.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    for answer in &answers {
        assert!(answer.whole && answer.text().contains("event: message_stop"), "{}", answer.text());
    }
    let served = Served::demo(&home);
    let outcomes = outcomes(&served, &token);
    assert_eq!(outcomes, vec!["succeeded"; STREAMS]);
}

#[test]
fn a_second_signal_ends_it_now() {
    for second in [Signal::TERM, Signal::INT] {
        let home = Home::new();
        let mut served = Served::demo(&home);
        let token = served.temporary();
        let streams = open(&served, &token, "demo:words=1000 demo:gap=1s");
        served.signal(Signal::TERM);
        served.wait_for(SAYS_IT_STOPS);
        let begun = Instant::now();
        served.signal(second);
        let (status, log) = served.ended();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let code = if second == Signal::TERM { 143 } else { 130 };
        assert_eq!(status.code(), Some(code), "{log}");
        assert!(read_all(streams).iter().all(|answer| !answer.whole));
        // What ran is accounted for at the next start.
        let served = Served::demo(&home);
        assert_eq!(outcomes(&served, &token), vec!["interrupted"; STREAMS]);
    }
}

#[test]
fn what_does_not_end_in_time_is_cut_and_recorded() {
    let home = Home::new();
    let served = Served::with(&home, ["--demo", "--drain", "500ms"]);
    let token = served.temporary();
    let streams = open(&served, &token, "demo:words=1000 demo:gap=200ms");
    let begun = Instant::now();
    served.signal(Signal::TERM);
    let (status, log) = served.ended();
    assert!(begun.elapsed() >= Duration::from_millis(500) && begun.elapsed() < Duration::from_secs(10));
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(read_all(streams).iter().all(|answer| !answer.whole), "a broken stream, never a clean end");
    let served = Served::demo(&home);
    let outcomes = outcomes(&served, &token);
    assert_eq!(outcomes.len(), STREAMS);
    assert!(outcomes.iter().all(|outcome| outcome != "succeeded" && outcome != "running"), "{outcomes:?}");
}

#[test]
fn an_idle_connection_does_not_hold_up_the_end() {
    let home = Home::new();
    let served = Served::demo(&home);
    let _silent = TcpStream::connect(served.address).unwrap();
    served.get("/healthz").send().with_status(200);
    let begun = Instant::now();
    served.signal(Signal::INT);
    let (status, log) = served.ended();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// Opens the streams and waits for the first words of each.
fn open(served: &Served, token: &str, orders: &str) -> Vec<Opened> {
    let streams: Vec<Opened> = std::thread::scope(|scope| {
        let opening: Vec<_> = (0..STREAMS)
            .map(|_| scope.spawn(|| served.message(token, orders, true).open().unwrap()))
            .collect();
        opening.into_iter().map(|opening| opening.join().unwrap()).collect()
    });
    assert!(streams.iter().all(|stream| stream.status == 200));
    streams
}

fn read_all(streams: Vec<Opened>) -> Vec<Answer> {
    let reading: Vec<_> = streams.into_iter().map(|stream| std::thread::spawn(|| stream.finish())).collect();
    reading.into_iter().map(|reading| reading.join().unwrap()).collect()
}

/// The listener is closed as soon as each thread has heard of the stop.
fn refuses_soon(served: &Served) {
    let begun = Instant::now();
    while TcpStream::connect(served.address).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(1), "connections are still taken");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn outcomes(served: &Served, token: &str) -> Vec<String> {
    let requests = served.requests(token);
    requests.iter().map(|request| request["outcome"].as_str().unwrap().to_owned()).collect()
}
