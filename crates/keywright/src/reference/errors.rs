//! The errors, from the one table: an index, and a page each.

use std::collections::BTreeMap;

use keywright_protocol::{ErrorCode, Exit};

use super::own_errors::OWN;
use super::{code, head, heading, row};

pub(super) fn pages() -> BTreeMap<String, String> {
    let mut pages: BTreeMap<String, String> =
        ErrorCode::ALL.iter().map(|code| (format!("errors/{}.md", code.as_str()), page(*code))).collect();
    pages.insert("errors/README.md".to_owned(), index());
    pages
}

fn index() -> String {
    let mut page = heading(
        "Errors",
        "Every refusal of a server carries one of these codes: the JSON API in `error.code`, the gateway in the \
         form of the caller's dialect, the command line with `--json`. Programs may rely on codes and statuses; texts may \
         change. Some refusals say more in `error.details`: `retryInSeconds`, which is also the header \
         `Retry-After`, or what would have been allowed.",
    );
    page.push_str(&head(["code", "status", "exit code", "text"]));
    for error in ErrorCode::ALL {
        let name = error.as_str();
        let link = format!("[`{name}`]({name}.md)");
        let (status, exit) = (error.status().to_string(), (error.exit() as u8).to_string());
        page.push_str(&row([&link, &status, &exit, error.message()]));
    }
    page.push_str(
        "\n## Codes of the command line\n\nIn `error.code` with `--json`, where no server has a part in it; \
         `status` is 0 then.\n",
    );
    page.push_str(&head(["code", "probable cause", "what to do"]));
    for (name, cause, mend) in OWN {
        page.push_str(&row([&code(name), cause, mend]));
    }
    page.push_str("\n## Exit codes of the command line\n");
    page.push_str(&head(["exit code", "meaning"]));
    for exit in EXITS {
        page.push_str(&row([&(exit as u8).to_string(), meaning(exit)]));
    }
    page.push_str(
        "\n`keywright run` exits as its program does, with 127 when there is no such program and 126 when it \
         cannot be started. A signal ends `keywright serve` with 0 after it has drained, and with 128 and the \
         signal's number when a second one comes.\n",
    );
    page
}

fn page(error: ErrorCode) -> String {
    let mut page = heading(error.as_str(), error.message());
    page.push_str(&head(["HTTP status", "exit code"]));
    let exit = error.exit();
    page.push_str(&row([&error.status().to_string(), &format!("{} ({})", exit as u8, meaning(exit))]));
    // A description of several lines begins each with the blank of its comment.
    let cause: Vec<&str> = error.cause().lines().map(str::trim).collect();
    page.push_str(&format!("\n## Probable cause\n\n{}\n", cause.join(" ")));
    page.push_str(&format!("\n## What to do\n\n{}\n\n{}\n", error.next_action(), error.advice()));
    page.push_str("\n[All errors](README.md)\n");
    page
}

const EXITS: [Exit; 9] = [
    Exit::Ok,
    Exit::User,
    Exit::Usage,
    Exit::NotSignedIn,
    Exit::Refused,
    Exit::RateLimited,
    Exit::Unreachable,
    Exit::Expired,
    Exit::Defect,
];

fn meaning(exit: Exit) -> &'static str {
    match exit {
        Exit::Ok => "all is well",
        Exit::User => "something that you can mend",
        Exit::Usage => "the command was typed wrongly",
        Exit::NotSignedIn => "nobody is signed in, or the credential is not accepted",
        Exit::Refused => "known, but not allowed",
        Exit::RateLimited => "too much or too many; wait",
        Exit::Unreachable => "a server or provider could not be reached",
        Exit::Expired => "something has expired",
        Exit::Defect => "a defect of Keywright",
    }
}
