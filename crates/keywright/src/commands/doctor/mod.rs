//! `keywright doctor`: looks at everything that a call depends on, and says what mends what is wrong.
//!
//! Changes nothing: a damaged file stays where it is, no account is made, and nothing is sent but to the
//! server that counts. All checks together end within ten seconds, whatever hangs.

mod agents;
mod choice;
mod files;
mod finding;
mod local;
mod providers;
mod server;
mod surroundings;

use keywright_credentials::{Environment, Paths};
use keywright_protocol::{Clock, Exit, SystemClock, Timestamp};

use crate::arguments::Global;
use crate::error::CommandError;
use crate::output::Output;
use crate::runtime::block_on_and_leave;
use crate::spinner::Spinner;
use finding::{Finding, Outcome};
use server::State;

/// What the checks look at.
struct Scene {
    global: Global,
    environment: Environment,
    paths: Paths,
    now: Timestamp,
}

/// Looks and prints: 0 when nothing is wrong, 6 when the server that was named cannot be reached, 1 when
/// anything else is wrong.
pub(crate) fn doctor(global: Global, output: Output) -> Result<u8, CommandError> {
    let environment = Environment::of_process();
    let paths = Paths::of(&environment)?;
    let scene = Scene { global, environment, paths, now: SystemClock.now() };
    let Diagnosis { findings, unreachable } = block_on_and_leave(async { Ok(look(&scene).await) })?;
    output.data(&findings, || findings.iter().map(Finding::describe).collect::<Vec<_>>().join("\n"))?;
    let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
    let problems = count(Outcome::Problem);
    if !output.is_json() {
        output.say(&summary(problems, count(Outcome::Warning)));
    }
    Ok(match problems {
        _ if unreachable => Exit::Unreachable,
        0 => Exit::Ok,
        _ => Exit::User,
    } as u8)
}

/// All that was found.
struct Diagnosis {
    findings: Vec<Finding>,
    /// Whether the server that was named cannot be reached.
    unreachable: bool,
}

async fn look(scene: &Scene) -> Diagnosis {
    let _spinner = Spinner::start("looking at files, server, providers and agents");
    let files::Files { settings, credentials, mut findings } = files::look(scene);
    let choice::Choice { server, findings: chosen } = choice::look(scene, settings.as_ref(), &credentials);
    findings.extend(chosen);
    let ask_server = async {
        match &server {
            Some((profile, chosen)) => server::look(scene, profile, chosen, &credentials).await,
            None => server::Seen::default(),
        }
    };
    let (seen, agents) = tokio::join!(ask_server, agents::look(scene));
    let server::Seen { findings: of_server, state } = seen;
    findings.extend(of_server);
    findings.extend(agents);
    if let Some((_, chosen)) = &server {
        findings.extend(surroundings::look(scene, &chosen.url, state));
    }
    Diagnosis { findings, unreachable: state == State::Unreachable }
}

fn summary(problems: usize, warnings: usize) -> String {
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    match (problems, warnings) {
        (0, 0) => "All is well.".to_owned(),
        (0, warnings) => format!("Nothing is wrong; {}.", counted(warnings, "warning")),
        (problems, 0) => format!("{}.", counted(problems, "problem")),
        (problems, warnings) => {
            format!("{}, {}.", counted(problems, "problem"), counted(warnings, "warning"))
        }
    }
}
