//! The settings of the server, from its own table.

use keywright_server::config::KEYS;

use super::{code, head, heading, row};

pub(super) fn page() -> String {
    let mut page = heading(
        "Configuration",
        "The settings of `keywright serve`. Each may be given as a flag, as an environment variable or in the \
         file that `--config` names, `keywright.toml` for instance; the first of these that says something \
         counts. In the file, `gateway.max_body` is `max_body` in the table `[gateway]`. Lists are written with \
         commas between, in the file also as a list. [Operations](../guides/operations.md) says how they work \
         together.",
    );
    page.push_str(&head(["key", "value", "default", "meaning"]));
    for key in KEYS.iter().filter(|key| !key.later) {
        let default = key.default.map(code).unwrap_or_default();
        page.push_str(&row([&code(key.path), &key.kind.expected(), &default, key.doc]));
    }
    page.push_str(PROVIDERS);
    page.push_str("\n## Flags and variables\n");
    page.push_str(&head(["key", "flag", "variable"]));
    for key in KEYS.iter().filter(|key| !key.later) {
        page.push_str(&row([&code(key.path), &code(&format!("--{}", key.flag())), &code(&key.variable())]));
    }
    page.push_str(
        "\n## Later\n\nThese are known, but not there yet. Setting one is an error that says so.\n",
    );
    page.push_str(&head(["key", "meaning"]));
    for key in KEYS.iter().filter(|key| key.later) {
        page.push_str(&row([&code(key.path), key.doc]));
    }
    page
}

const PROVIDERS: &str = "
## Providers

Providers are tables of the file and nothing else. A file that has one takes none from the environment.

```toml
[providers.anthropic]                      # a name of docs/reference/providers.md, or one of your own
keys = [\"env:ANTHROPIC_API_KEY\"]           # env:NAME or file:PATH; without keys, callers bring their own

[providers.local]
dialect = \"openai\"                         # anthropic, openai or gemini; known for the usual names
base_url = \"http://127.0.0.1:11434/v1\"     # as the vendor's SDK takes it
```
";
