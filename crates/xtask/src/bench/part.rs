//! A process of the bench: started on its core, stopped when it is dropped.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::Fallible;
use crate::load::{Order, Outcome};
use crate::process;

/// Which core is whose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cores {
    /// The one that a proxy has for itself.
    proxy: usize,
    /// That of provider and load generator.
    pub(super) others: usize,
}

impl Cores {
    pub(super) fn choose() -> Fallible<Self> {
        match std::thread::available_parallelism().map_err(|error| error.to_string())?.get() {
            1 => Err("one core is not enough: the proxy needs one of its own".to_owned()),
            count => Ok(Self { proxy: count - 1, others: 0 }),
        }
    }

    /// A command for the core of the proxy.
    pub(super) fn proxy(self, program: impl AsRef<OsStr>) -> Command {
        pinned(self.proxy, program)
    }

    /// A command for the core of provider and load generator.
    pub(super) fn others(self, program: impl AsRef<OsStr>) -> Command {
        pinned(self.others, program)
    }
}

/// `taskset` becomes the program, so that its process id is the program's.
fn pinned(core: usize, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program).stdin(Stdio::null());
    command
}

/// A process that answers at an address.
#[derive(Debug)]
pub(super) struct Part {
    /// What it is.
    pub(super) name: &'static str,
    /// Where it answers.
    pub(super) address: SocketAddr,
    /// It and what descends from it.
    pub(super) processes: Vec<u32>,
    child: Child,
}

impl Part {
    /// The process, once it takes connections at `address`.
    pub(super) fn started(name: &'static str, mut child: Child, address: SocketAddr) -> Fallible<Self> {
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("{name} ended at once: {status}"));
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{name} does not answer at {address}"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { name, address, processes: process::tree(child.id()), child })
    }

    /// The fake provider, made of `tool`.
    pub(super) fn provider(cores: Cores, tool: &Path) -> Fallible<Self> {
        let failed = |error: std::io::Error| format!("the provider does not start: {error}");
        let mut command = cores.others(tool);
        let mut child = command.arg("provider").stdout(Stdio::piped()).spawn().map_err(failed)?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("the provider has no output")?;
        BufReader::new(output).read_line(&mut line).map_err(failed)?;
        let address = line.trim().parse().map_err(|_| "the provider said no address".to_owned())?;
        Self::started("provider", child, address)
    }

    /// Whether processes of its own have come, which are counted with it from now on.
    pub(super) fn has_children(&mut self) -> bool {
        self.processes = process::tree(self.child.id());
        self.processes.len() > 1
    }

    /// Ends it and waits until it has ended.
    pub(super) fn stop(&mut self) {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let begun = Instant::now();
        while let Ok(None) = self.child.try_wait() {
            if begun.elapsed() > PATIENCE {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Has the load generator, made of `tool`, begin to fulfil an order.
pub(super) fn begin_load(cores: Cores, tool: &Path, order: &Order) -> Fallible<Child> {
    let text = serde_json::to_string(order).map_err(|error| error.to_string())?;
    let failed = |error: std::io::Error| format!("the load generator: {error}");
    let mut command = cores.others(tool);
    command.arg("load").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(failed)?;
    }
    Ok(child)
}

/// Waits for the outcome.
pub(super) fn load(child: Child) -> Fallible<Outcome> {
    let output = child.wait_with_output().map_err(|error| format!("the load generator: {error}"))?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("the load generator: {error}"))
}

/// An address on which nothing listens just now.
pub(super) fn free_address() -> Fallible<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    listener.local_addr().map_err(|error| error.to_string())
}

const PATIENCE: Duration = Duration::from_secs(20);
