//! What `run` says before it starts the program.

use keywright_credentials::launch::{Launch, SettingsFile, TOKEN_VARIABLE};

use crate::output::Output;

/// Warns of settings that were or could not be overridden, and tells more when asked to.
pub(super) fn report(output: Output, launch: &Launch) {
    let named = |file: &SettingsFile| (file.path.display().to_string(), file.settings.join(", "));
    for (path, settings) in launch.overridden.iter().map(named) {
        output.warn(&format!("{path} would send the agent elsewhere; overridden for this run: {settings}."));
    }
    // Nothing says which agent a program starts that names none; then only Claude Code's are looked for.
    let agent = match launch.started.as_slice() {
        [] => "Claude Code elsewhere if this program starts it, and is".to_owned(),
        [agent] => format!("{} elsewhere, and is", agent.name()),
        _ => "an agent elsewhere, and is".to_owned(),
    };
    for (path, settings) in launch.standing.iter().map(named) {
        output.warn(&format!("{path} would send {agent} not overridden: {settings}."));
    }
    for note in &launch.notes {
        output.warn(note);
    }
    for removal in &launch.removed {
        output.say_more(&format!("Taken out of its environment: {} ({}).", removal.name, removal.reason));
    }
    for folder in launch.folders() {
        output.say_more(&format!("Temporary: {folder}."));
    }
    output.say_more(&format!(
        "The same without `keywright run`, with a token in {TOKEN_VARIABLE}{}:",
        match launch.folders().next() {
            Some(_) => " and the folder that `--print-env` makes",
            None => "",
        }
    ));
    output.say_more(&format!("  {}", launch.plain_command()));
}
