//! What else on this machine decides where an agent's calls go: variables, proxies, settings files, limits.

use std::ffi::OsStr;
use std::path::Path;

use keywright_client::ServerUrl;
use keywright_credentials::launch::{Agent, Launch, LaunchRequest};
use keywright_secret::looks_like_ours;
use rustix::process::{Resource, getrlimit};
use url::Url;

use super::Scene;
use super::finding::Finding;
use super::server::State;
use crate::error::CommandError;

/// Looks around.
pub(super) fn look(scene: &Scene, server: &ServerUrl, state: State) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Without a server there is nothing to compete with: the keys are what a server would start with.
    if state != State::NoneInUse {
        findings.push(variables(scene, server));
    }
    findings.extend(proxy(scene, server));
    findings.extend(agent_settings(scene, server));
    if server.is_loopback() {
        findings.push(open_files());
    }
    findings
}

/// Variables that win over the gateway in an agent that is started without `keywright run`.
fn variables(scene: &Scene, server: &ServerUrl) -> Finding {
    let removed = Agent::ALL.into_iter().flat_map(Agent::removals);
    let removed = removed.map(|removal| removal.name).filter(|name| !name.starts_with("KEYWRIGHT_"));
    let mut names: Vec<&str> = removed.chain(LEADING.iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| {
        let value = scene.environment.text(name);
        value.is_some_and(|value| !looks_like_ours(value) && !value.starts_with(&server.to_string()))
    });
    if names.is_empty() {
        return Finding::ok("variables", "none competes with the gateway");
    }
    let names = names.join(", ");
    Finding::warning(
        "variables",
        format!("an agent started by itself follows {names} and not the gateway"),
        format!("Start it with `keywright run -- AGENT`, which replaces them, or unset {names}."),
    )
}

/// A proxy that agents would send their calls to the server through.
fn proxy(scene: &Scene, server: &ServerUrl) -> Option<Finding> {
    let text = |name: &str| scene.environment.text(name);
    let names: &[&str] = match server.as_url().scheme() {
        "https" => &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ => &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let (name, value) = names.iter().find_map(|name| text(name).map(|value| (name, value)))?;
    let host = server.host().trim_matches(['[', ']']);
    let exempt =
        ["NO_PROXY", "no_proxy"].iter().filter_map(|name| text(name)).any(|list| exempts(list, host));
    // The value can hold a password.
    let shown = Url::parse(value).ok().and_then(|url| url.host_str().map(str::to_owned));
    let shown = shown.map(|host| format!(" ({host})")).unwrap_or_default();
    if exempt {
        return Some(Finding::ok("proxy", format!("{name}{shown} is set, and NO_PROXY exempts {host}")));
    }
    if server.is_loopback() {
        let message = format!("{name}{shown} is set; `keywright run` exempts {host} from it");
        return Some(Finding::ok("proxy", message));
    }
    Some(Finding::warning(
        "proxy",
        format!("{name}{shown} is set: agents reach {host} through it, and Keywright itself does not use it"),
        format!("If calls fail there: export NO_PROXY=\"{host},$NO_PROXY\""),
    ))
}

/// Whether a list of `NO_PROXY` names the host, or a domain that it is in.
fn exempts(list: &str, host: &str) -> bool {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
        let entry = entry.trim_start_matches("*.").trim_start_matches('.');
        entry == "*"
            || host.eq_ignore_ascii_case(entry)
            || host.strip_suffix(entry).is_some_and(|before| before.ends_with('.'))
    })
}

/// Settings files of agents that lead elsewhere, as `keywright run` would meet them here.
fn agent_settings(scene: &Scene, server: &ServerUrl) -> Vec<Finding> {
    let Ok(folder) = std::env::current_dir() else { return Vec::new() };
    Agent::ALL.into_iter().flat_map(|agent| settings_of(agent, scene, server, &folder)).collect()
}

fn settings_of(agent: Agent, scene: &Scene, server: &ServerUrl, folder: &Path) -> Vec<Finding> {
    let request = |trust_project| LaunchRequest {
        program: OsStr::new(agent.program()),
        arguments: &[],
        environment: &scene.environment,
        server,
        home: &scene.paths.home,
        folder,
        agents: &scene.paths.agents,
        trust_project,
    };
    let mut findings = Vec::new();
    if let Err(error) = Launch::prepare(&request(false)) {
        // As a warning: it stops that agent in this folder only.
        let failed = CommandError::from(error);
        findings.push(Finding::warning("agent settings", failed.message(), failed.hints().join(" ")));
    }
    let overridden = Launch::prepare(&request(true)).map(|launch| launch.overridden).unwrap_or_default();
    // Those of the project are told above, unless the project is the home folder itself.
    let of_user =
        overridden.iter().filter(|file| folder == scene.paths.home || !file.path.starts_with(folder));
    for file in of_user {
        findings.push(Finding::warning(
            "agent settings",
            format!("{} leads {} elsewhere: {}", file.path.display(), agent.name(), file.settings.join(", ")),
            format!(
                "Start it with `keywright run -- {}`, which overrides them, or take them out.",
                agent.program()
            ),
        ));
    }
    findings
}

/// Each call takes two of the files that a process may have open.
fn open_files() -> Finding {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < FEW_FILES => Finding::warning(
            "open files",
            format!(
                "a server started here may have {limit} files open, which is room for {} calls at once",
                limit / 2
            ),
            "ulimit -n 8192",
        ),
        Some(limit) => Finding::ok("open files", format!("a server started here may have {limit} open")),
        None => Finding::ok("open files", "a server started here may have any number open"),
    }
}

/// Addresses and keys that vendors' programs read first.
const LEADING: &[&str] = &[
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_BASE_URL",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "GEMINI_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
];
const FEW_FILES: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_exempt_by_name_by_domain_and_by_star() {
        for list in ["a.b.example", "x, B.Example".to_lowercase().as_str(), ".b.example", "*.b.example", "*"]
        {
            assert!(exempts(list, "a.b.example"), "{list}");
        }
        for list in ["", " ,", "c.example", "ab.example", "x.a.b.example"] {
            assert!(!exempts(list, "a.b.example"), "{list}");
        }
    }
}
