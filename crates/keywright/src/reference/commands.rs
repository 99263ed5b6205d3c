//! The commands, from the tree that parses them.

use clap::{Arg, Command};

use super::heading;

/// One section a command, in the order of the help text.
pub(super) fn page(mut command: Command) -> String {
    command.build();
    let mut page = heading(
        "Commands",
        "What `keywright` understands. `--help` behind a command says the same. Exit codes are those of the \
         [errors](errors/README.md); `keywright run` exits as the program that it started.",
    );
    describe(&command, true, &mut page);
    page
}

fn describe(command: &Command, root: bool, page: &mut String) {
    let name = command.get_display_name().unwrap_or(command.get_name()).replace('-', " ");
    page.push_str(&format!("\n## {name}\n\n"));
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        page.push_str(&format!("{about}{}\n\n", if about.to_string().ends_with('.') { "" } else { "." }));
    }
    let usage = command.clone().render_usage().to_string();
    let usage: Vec<&str> = usage.trim_start_matches("Usage:").lines().map(str::trim).collect();
    page.push_str(&format!("```text\n{}\n```\n", usage.join("\n")));
    let aliases: Vec<String> = command.get_visible_aliases().map(|alias| format!("`{alias}`")).collect();
    if !aliases.is_empty() {
        page.push_str(&format!("\nAlso: {}.\n", aliases.join(", ")));
    }
    let shown = |argument: &&Arg| {
        !argument.is_hide_set() && argument.get_id() != "help" && argument.get_id() != "version"
    };
    // Those of every command stand once, at the first.
    let mut arguments =
        command.get_arguments().filter(shown).filter(|argument| root || !argument.is_global_set()).peekable();
    if arguments.peek().is_some() {
        page.push('\n');
    }
    arguments.for_each(|argument| page.push_str(&line(argument)));
    if let Some(after) = command.get_after_help() {
        page.push_str(&format!("\n```text\n{after}\n```\n"));
    }
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        describe(subcommand, false, page);
    }
}

fn line(argument: &Arg) -> String {
    let mut names: Vec<String> = Vec::new();
    names.extend(argument.get_short().map(|short| format!("`-{short}`")));
    let takes_value = argument.get_action().takes_values();
    let value = if takes_value { value(argument) } else { String::new() };
    match argument.get_long() {
        Some(long) if value.is_empty() => names.push(format!("`--{long}`")),
        Some(long) => names.push(format!("`--{long} {value}`")),
        None => names.push(format!("`{value}`")),
    }
    let help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut facts = Vec::new();
    if argument.is_required_set() && !argument.is_positional() {
        facts.push("required".to_owned());
    }
    let words: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|word| !word.is_hide_set())
        .map(|word| format!("`{}`", word.get_name()))
        .collect();
    if takes_value && !words.is_empty() {
        facts.push(format!("one of {}", words.join(", ")));
    }
    let defaults: Vec<_> = argument.get_default_values().iter().map(|text| text.to_string_lossy()).collect();
    if takes_value && !defaults.is_empty() {
        facts.push(format!("default `{}`", defaults.join(" ")));
    }
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join("; ")) };
    format!("- {}: {}{facts}\n", names.join(", "), help.replace('\n', " "))
}

fn value(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let name = if names.is_empty() {
        argument.get_id().to_string().to_uppercase()
    } else {
        names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    };
    let many = argument.get_num_args().is_some_and(|range| range.max_values() > 1);
    if many && argument.is_positional() { format!("{name}...") } else { name }
}
