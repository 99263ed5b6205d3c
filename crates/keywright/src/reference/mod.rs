//! The pages of `docs/reference`, made from the tables that the program itself goes by. They are printed
//! for `cargo xtask generate`, which writes them and sees where the tree has others.

mod commands;
mod configuration;
mod environment;
mod errors;
mod own_errors;
mod providers;

use std::collections::BTreeMap;

use clap::CommandFactory;
use keywright_protocol::Exit;

use crate::arguments::Arguments;
use crate::error::CommandError;
use crate::output::Output;

/// Prints a JSON object: the path of each page below `docs/reference`, and its text.
pub(crate) fn print(output: Output) -> Result<u8, CommandError> {
    let text = pages().and_then(|pages| serde_json::to_string(&pages)).map_err(|error| {
        CommandError::new(Exit::Defect, "INTERNAL", "the reference cannot be made").because(&error)
    })?;
    output.data(&(), || text)?;
    Ok(Exit::Ok as u8)
}

fn pages() -> serde_json::Result<BTreeMap<String, String>> {
    let mut pages = BTreeMap::from([
        ("commands.md".to_owned(), commands::page(Arguments::command())),
        ("configuration.md".to_owned(), configuration::page()),
        ("environment.md".to_owned(), environment::page()),
        ("providers.md".to_owned(), providers::page()),
        ("openapi.json".to_owned(), keywright_server::openapi().to_pretty_json()? + "\n"),
    ]);
    pages.extend(errors::pages());
    Ok(pages)
}

/// What stands above each page. People edit the tables, never the pages.
fn heading(title: &str, intro: &str) -> String {
    format!("<!-- Made by `cargo xtask generate`. -->\n\n# {title}\n\n{intro}\n")
}

/// A row of a table, whose cells may hold a bar.
fn row<const N: usize>(cells: [&str; N]) -> String {
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

/// The head of a table.
fn head<const N: usize>(names: [&str; N]) -> String {
    format!("\n{}{}", row(names), row(["---"; N]))
}

/// Text as code, or nothing where there is none.
fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_says_that_it_is_made_and_ends_in_one_line_break() {
        let pages = pages().expect("pages");
        for (path, text) in pages.iter().filter(|(path, _)| path.ends_with(".md")) {
            assert!(text.starts_with("<!-- Made by `cargo xtask generate`. -->"), "{path}");
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{path}");
            assert!(!text.contains('\u{1b}') && !text.contains("\n\n\n"), "{path}");
        }
    }
}
