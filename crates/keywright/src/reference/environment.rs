//! The environment variables that are read. `cargo xtask tidy` finds one that is read and not here.

use keywright_providers::PROVIDERS;
use keywright_server::config::KEYS;

use super::{code, head, heading, row};

pub(super) fn page() -> String {
    let mut page = heading(
        "Environment",
        "The variables that Keywright reads. An empty one is unset. Switches are on for `1`, `true` and `yes`. \
         An unknown variable that begins with `KEYWRIGHT_` gets a warning from `keywright serve`.",
    );
    for (title, intro, variables) in SECTIONS {
        page.push_str(&format!("\n## {title}\n\n{intro}\n"));
        page.push_str(&head(["variable", "meaning"]));
        for (name, meaning) in *variables {
            page.push_str(&row([&code(name), meaning]));
        }
    }
    page.push_str(
        "\n## Settings of the server\n\nA flag is stronger, the file weaker. What may stand there is in \
         [configuration](configuration.md).\n",
    );
    page.push_str(&head(["variable", "meaning"]));
    for key in KEYS.iter().filter(|key| !key.later) {
        page.push_str(&row([&code(&key.variable()), key.doc]));
    }
    page.push_str(
        "\n## Keys and addresses of providers\n\nRead by `keywright serve` as central keys when no provider is configured in a \
         file, and by `keywright run` in local mode, which takes them out of the program's environment.\n",
    );
    page.push_str(&head(["variable", "provider"]));
    for provider in PROVIDERS {
        for name in provider.environment {
            page.push_str(&row([&code(name), provider.name]));
        }
        for name in provider.bearer_environment {
            page.push_str(&row([&code(name), &format!("{}, a token; by `run` alone", provider.name)]));
        }
        for name in provider.address_environment {
            page.push_str(&row([
                &code(name),
                &format!("{}, the address that its key goes to", provider.name),
            ]));
        }
    }
    page.push_str("\n## Later\n\nKnown, but not there yet.\n");
    page.push_str(&head(["variable", "meaning"]));
    for key in KEYS.iter().filter(|key| key.later) {
        page.push_str(&row([&code(&key.variable()), key.doc]));
    }
    page
}

/// A title, what the variables have in common, and each with its meaning.
type Section = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const SECTIONS: &[Section] = &[
    (
        "Command line",
        "Read by every command that talks to a server. A flag of the same name is stronger.",
        &[
            ("KEYWRIGHT_API_KEY", "The token to use, before any that is stored."),
            ("KEYWRIGHT_SERVER", "The address of the server, before that of the profile."),
            ("KEYWRIGHT_PROFILE", "The profile to use, before the active one of the settings file."),
            (
                "KEYWRIGHT_NO_TEMPORARY",
                "A switch, on by any value but `0`, `false`, `no` and `off`: never make a temporary account.",
            ),
            (
                "KEYWRIGHT_ESSENTIAL_TRAFFIC_ONLY",
                "A switch, on by any value but `0`, `false`, `no` and `off`: make no call that the command does not need, \
                 as `essential_traffic_only = true` in the settings file.",
            ),
            (
                "KEYWRIGHT_CLIENT_ID",
                "The OAuth client that `keywright login` signs in as; `keywright-cli` by default.",
            ),
            ("KEYWRIGHT_HOME", "The folder of settings and credentials, instead of the XDG folders."),
        ],
    ),
    (
        "Server",
        "Read by `keywright serve` and `keywright admin claim --new`, besides the settings below.",
        &[
            ("KEYWRIGHT_CONFIG", "The settings file, as `--config`."),
            (
                "KEYWRIGHT_MASTER_KEY",
                "The master key itself; the file does not count then. There is no flag for it: a secret has no \
                 place on a command line.",
            ),
            (
                "RUST_LOG",
                "How much is logged: `error`, `warn`, `info`, `debug` or `trace`; `info` by default.",
            ),
        ],
    ),
    (
        "Local mode",
        "Read by `keywright run`, `status` and `doctor` where no server is in use, besides the keys of providers.",
        &[
            (
                "KEYWRIGHT_LOCAL_GATEWAY",
                "Where a run inside a local run finds the gateway of that one; `keywright run` sets it for the \
                 program.",
            ),
            (
                "KEYWRIGHT_TLS_EXTRA_CA",
                "A file of more certificates to trust on the way to providers, in PEM, as for the server.",
            ),
        ],
    ),
    (
        "System",
        "Variables of others, read as they mean them.",
        &[
            ("HOME", "The home folder."),
            ("XDG_CONFIG_HOME", "The folder of settings is `keywright` in it; `~/.config` by default."),
            (
                "XDG_STATE_HOME",
                "The folder of credentials is `keywright` in it; `~/.local/state` by default.",
            ),
            ("XDG_DATA_HOME", "The server's folder is `keywright` in it; `~/.local/share` by default."),
            ("NO_PROXY", "`keywright run` adds the server on this machine to it, for the program."),
            ("no_proxy", "The same."),
            ("CLAUDE_CONFIG_DIR", "Where Claude Code keeps its settings, which `keywright run` looks at."),
            ("GEMINI_CLI_HOME", "Where Gemini CLI's folder is, which `keywright run` links to."),
            ("PI_CODING_AGENT_DIR", "Pi's folder, which `keywright run` links to."),
            ("OPENCODE_CONFIG_CONTENT", "opencode's settings; `keywright run` adds the gateway to them."),
            (
                "AIDER_SET_ENV",
                "Variables that aider sets; `keywright run` adds the gateway's address to them.",
            ),
            (
                "SSH_CONNECTION",
                "Where it is set, `keywright login` signs in by device code: a browser would open on the wrong \
                 machine.",
            ),
            ("SSH_TTY", "The same."),
            (
                "DISPLAY",
                "Where neither it nor one of the next three is set, `keywright login` opens no browser.",
            ),
            ("WAYLAND_DISPLAY", "The same."),
            ("WSL_DISTRO_NAME", "The same; the browser is that of Windows."),
            ("BROWSER", "The browser that `keywright login` opens."),
            ("DO_NOT_TRACK", "The same as KEYWRIGHT_ESSENTIAL_TRAFFIC_ONLY, with the same values."),
            ("NO_COLOR", "Output has no colour."),
            ("PATH", "Where `keywright run` finds the program."),
        ],
    ),
];
