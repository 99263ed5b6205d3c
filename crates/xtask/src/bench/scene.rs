//! The scene of the rows: provider, nginx and Keywright, all running, and the load upon them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::keywright::{Keywright, Setting};
use super::options::Scale;
use super::part::{self, Cores, Part};
use super::{Fallible, Options, build, nginx};
use crate::figures::median;
use crate::load::{Order, Outcome, Shape};
use crate::provider::Script;

/// All that runs.
pub(crate) struct Bench {
    pub(super) options: Options,
    pub(super) cores: Cores,
    pub(super) tool: PathBuf,
    pub(super) binary: PathBuf,
    pub(super) provider: Part,
    pub(super) nginx: Part,
    pub(super) keywright: Keywright,
    fixed: Vec<String>,
    // After what writes into it.
    folder: tempfile::TempDir,
}

/// Whom a load is put upon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'b> {
    /// Who answers, and whose processor time counts.
    pub(super) part: &'b Part,
    /// The tokens that requests bear.
    pub(super) tokens: &'b [String],
}

/// A load, whoever it is put upon.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// How the provider answers.
    pub(super) script: Script,
    /// The length of each request's body, in bytes.
    pub(super) body: usize,
    /// How requests come.
    pub(super) shape: Shape,
    /// The status of each answer.
    pub(super) status: u16,
    /// Whether broken answers are counted; else the first ends the bench.
    pub(super) may_fail: bool,
}

impl Load {
    /// Requests of 1 KiB that are answered with streams or whole.
    pub(super) fn new(script: Script, shape: Shape) -> Self {
        Self { script, body: 1024, shape, status: 200, may_fail: false }
    }
}

impl Bench {
    /// Builds and starts everything.
    pub(super) fn prepare(root: &Path, options: &Options) -> Fallible<Self> {
        let binary = build::keywright(root, options)?;
        let tool = build::tool(root, options.scale == Scale::Smoke)?;
        nginx::install()?;
        let cores = Cores::choose()?;
        cores.move_here()?;
        // Beside the build, so that it is on a disk: `/tmp` is memory on some machines.
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(build::target(root));
        let folder = folder.map_err(|error| format!("no folder under target: {error}"))?;
        let provider = Part::provider(cores, &tool)?;
        let nginx = nginx::start(cores, &folder.path().join("nginx"), provider.address)?;
        let data = folder.path().join("keywright");
        let setting = Setting { cores, binary: binary.clone(), folder: data, provider: provider.address };
        let keywright = Keywright::start(&setting)?;
        let fixed = vec![nginx::TOKEN.to_owned()];
        let options = options.clone();
        Ok(Self { options, cores, tool, binary, provider, nginx, keywright, fixed, folder })
    }

    /// The provider itself.
    pub(super) fn direct(&self) -> Target<'_> {
        Target { part: &self.provider, tokens: &self.fixed }
    }

    /// nginx.
    pub(super) fn nginx(&self) -> Target<'_> {
        self.at_nginx(&self.nginx)
    }

    /// Another nginx.
    pub(super) fn at_nginx<'b>(&'b self, part: &'b Part) -> Target<'b> {
        Target { part, tokens: &self.fixed }
    }

    /// Keywright.
    pub(super) fn keywright(&self) -> Target<'_> {
        self.keywright.target()
    }

    /// With what another Keywright is started, in a folder of that name.
    pub(super) fn setting(&self, name: &str) -> Setting {
        let folder = self.folder(name);
        Setting { cores: self.cores, binary: self.binary.clone(), folder, provider: self.provider.address }
    }

    /// A folder of that name, on a disk, that goes when the bench ends.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Closed loop on that many connections, for the usual time.
    pub(super) fn closed(&self, connections: usize) -> Shape {
        Shape::Closed { connections, warm_up: self.options.warm_up(), time: self.options.time() }
    }

    /// That many requests a second, for twice the usual time.
    pub(super) fn open(&self, rate: u32) -> Shape {
        Shape::Open { rate, warm_up: self.options.warm_up(), time: self.options.time() * 2 }
    }

    /// Puts the same load on each of `targets` in turn, as many rounds as asked. What comes back is in
    /// the order of `targets`, each with its rounds.
    pub(super) fn rounds<const N: usize>(
        &self,
        targets: [Target<'_>; N],
        load: &Load,
    ) -> Fallible<[Vec<Outcome>; N]> {
        let mut outcomes = [const { Vec::new() }; N];
        for _ in 0..self.options.rounds {
            for (target, outcomes) in targets.iter().zip(&mut outcomes) {
                outcomes.push(self.load(*target, load)?);
            }
        }
        Ok(outcomes)
    }

    /// Puts a load on one target.
    pub(super) fn load(&self, target: Target<'_>, load: &Load) -> Fallible<Outcome> {
        let outcome = part::load(self.begin(target, load)?)?;
        match &outcome.first_failure {
            Some(failure) if !load.may_fail => {
                let who = target.part.name;
                Err(format!("{who}: {} failures, the first: {failure}", outcome.failures))
            }
            _ => Ok(outcome),
        }
    }

    /// Begins to put a load on one target, and does not wait for its end.
    pub(super) fn begin(&self, target: Target<'_>, load: &Load) -> Fallible<std::process::Child> {
        let order = Order {
            target: target.part.address,
            tokens: target.tokens.to_vec(),
            watch: target.part.processes.clone(),
            body: load.body,
            model: load.script.model(),
            stream: load.script != Script::Json,
            status: load.status,
            shape: load.shape,
        };
        part::begin_load(self.cores, &self.tool, &order)
    }
}

impl Keywright {
    /// It, as what a load is put upon.
    pub(super) fn target(&self) -> Target<'_> {
        Target { part: &self.part, tokens: &self.keys }
    }
}

/// The middle of `value` over the rounds.
pub(super) fn middle(outcomes: &[Outcome], value: impl Fn(&Outcome) -> f64) -> f64 {
    median(outcomes.iter().map(value))
}

/// Microseconds of processor time for each request.
pub(super) fn per_request(outcome: &Outcome) -> f64 {
    outcome.processor as f64 / outcome.requests as f64
}

/// Requests for each second.
pub(super) fn per_second(outcome: &Outcome) -> f64 {
    outcome.requests as f64 / outcome.seconds
}

impl Cores {
    /// Moves this process to the core of provider and load generator: it times some rows itself.
    fn move_here(self) -> Fallible<()> {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", "--pid", &self.others.to_string(), &std::process::id().to_string()]);
        match command.stdout(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("taskset: {status}")),
            Err(error) => Err(format!("taskset: {error}; it belongs to util-linux")),
        }
    }
}
