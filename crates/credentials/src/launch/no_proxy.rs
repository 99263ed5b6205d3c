//! `NO_PROXY`, so that calls to a server on this machine are not sent to an egress proxy.

use keywright_client::ServerUrl;

use crate::Environment;

/// Adds the server's host to what is there, in both spellings, if the server is on this machine.
pub(super) fn merge(environment: &mut Environment, server: &ServerUrl) {
    if !server.is_loopback() {
        return;
    }
    let host = server.host().trim_matches(['[', ']']);
    let mut hosts: Vec<&str> = Vec::new();
    let present = SPELLINGS.iter().filter_map(|name| environment.text(name)).flat_map(|list| list.split(','));
    for entry in present.map(str::trim).chain([host]) {
        if !entry.is_empty() && !hosts.contains(&entry) {
            hosts.push(entry);
        }
    }
    let merged = hosts.join(",");
    for name in SPELLINGS {
        environment.set(name, merged.clone());
    }
}

pub(super) const SPELLINGS: [&str; 2] = ["NO_PROXY", "no_proxy"];

#[cfg(test)]
mod tests {
    use keywright_client::PlainText;

    use super::*;

    fn merged(server: &str, before: &[(&str, &str)]) -> Option<String> {
        let mut environment: Environment = before.iter().copied().collect();
        merge(&mut environment, &ServerUrl::parse(server, PlainText::LoopbackOnly).unwrap());
        assert_eq!(environment.text("NO_PROXY"), environment.text("no_proxy"));
        environment.text("NO_PROXY").map(str::to_owned)
    }

    #[test]
    fn the_server_is_added_to_what_is_there() {
        let before = [("NO_PROXY", "internal.example, 10.0.0.1"), ("no_proxy", "10.0.0.1,other.example")];
        assert_eq!(
            merged("http://127.0.0.1:5399", &before).as_deref(),
            Some("internal.example,10.0.0.1,other.example,127.0.0.1")
        );
        assert_eq!(merged("http://[::1]:5399", &[]).as_deref(), Some("::1"));
        assert_eq!(merged("https://keywright.example", &[]), None);
    }
}
