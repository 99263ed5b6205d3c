//! `keywright admin outbox`: the mails that a server without a mail server keeps as files.
//!
//! Talks to no server: whoever may read the data folder may read them. One may be running beside it.

use clap::Args;
use keywright_protocol::{Exit, Mailbox};
use keywright_server::config::Config;
use keywright_server::{StoredMail, outbox, outbox_folder};
use serde_json::json;

use crate::commands::serve::ServerSettings;
use crate::error::CommandError;
use crate::output::Output;
use crate::table::printable;

/// Which mails.
#[derive(Debug, Args)]
#[command(mut_args = briefly)]
pub(crate) struct OutboxArgs {
    /// Only the newest
    #[arg(long)]
    last: bool,
    /// Only those to this mailbox
    #[arg(long, value_name = "EMAIL")]
    to: Option<Mailbox>,
    #[command(flatten)]
    settings: ServerSettings,
}

/// Of the many settings of a server only the one that says where its outbox is stands in the short help.
fn briefly(argument: clap::Arg) -> clap::Arg {
    let shown = ["last", "to", "data_dir"].contains(&argument.get_id().as_str());
    argument.hide_short_help(!shown)
}

/// Shows them, the newest last.
pub(crate) fn show(args: &OutboxArgs, insecure: bool, output: Output) -> Result<u8, CommandError> {
    let config = args.settings.load(insecure, output)?;
    let mut mails = outbox(&config).map_err(|error| {
        let message = format!("{} cannot be read", outbox_folder(&config).display());
        CommandError::new(Exit::User, "OUTBOX_UNREADABLE", message).because(&error)
    })?;
    if let Some(to) = &args.to {
        mails.retain(|mail| mail.to == to.as_str());
    }
    let is_anywhere = config.mail.server.is_some() || config.data_dir.exists();
    if args.last || !is_anywhere {
        let newest = mails.pop().ok_or_else(|| {
            let (message, hint) = why_empty(&config, args.to.as_ref());
            CommandError::new(Exit::User, "OUTBOX_EMPTY", message).hint(hint)
        })?;
        output.data(&newest, || text(&newest))?;
    } else if mails.is_empty() && !output.is_json() {
        let (message, hint) = why_empty(&config, args.to.as_ref());
        output.say(&format!("{message}. {hint}"));
    } else {
        let all = || mails.iter().map(text).collect::<Vec<String>>().join(BETWEEN);
        output.data(&json!({ "mails": mails }), all)?;
    }
    Ok(Exit::Ok as u8)
}

/// Why there is nothing to show, and what to do.
fn why_empty(config: &Config, to: Option<&Mailbox>) -> (String, String) {
    let folder = outbox_folder(config);
    let to = to.map(|mailbox| format!(" to {mailbox}")).unwrap_or_default();
    if config.mail.server.is_some() {
        let message = format!("No mail{to} is here: mails go to the mail server that `mail.smtp` names");
        return (message, "Look into the mailbox itself, or into the log of the mail server.".to_owned());
    }
    let message = format!("No mail{to} is in {}", folder.display());
    let hint = if config.data_dir.exists() {
        "Mails stay for a week; a code is mailed by `keywright auth signup-request --email EMAIL`."
    } else {
        "No server has been started on this folder: name that of the server with `--data-dir` or `--config`."
    };
    (message, hint.to_owned())
}

fn text(mail: &StoredMail) -> String {
    let head = format!(
        "To: {}\nSubject: {}\nAt: {}\nFile: {}\n",
        mail.to,
        mail.subject,
        mail.at,
        mail.file.display()
    );
    let lines: Vec<String> =
        head.lines().chain([""]).chain(mail.text.trim_end().lines()).map(printable).collect();
    lines.join("\n")
}

const BETWEEN: &str = "\n\n----\n\n";
