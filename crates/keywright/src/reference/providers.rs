//! The providers, from the one table.

use keywright_providers::PROVIDERS;

use super::{code, head, heading, row};

pub(super) fn page() -> String {
    let mut page = heading(
        "Providers",
        "The model providers that Keywright knows by name. `/gateway/NAME/...` calls one of them. Any other that \
         speaks one of the dialects can be [configured](configuration.md#providers).",
    );
    page.push_str(&head(["name", "provider", "dialect", "variable", "address", "place of the key", "keys"]));
    for provider in PROVIDERS {
        let variables: Vec<String> = provider.environment.iter().map(|name| code(name)).collect();
        page.push_str(&row([
            &code(provider.id),
            provider.name,
            provider.dialect.as_str(),
            &variables.join(", "),
            &provider.base_url.map_or_else(|| "must be configured".to_owned(), code),
            &code(provider.key_header.name()),
            &format!("[where]({})", provider.documentation),
        ]));
    }
    page
}
