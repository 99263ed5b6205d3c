//! `keywright man`: manual pages, made from the command tree.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory};
use keywright_protocol::Exit;
use serde_json::json;

use crate::arguments::Arguments;
use crate::error::CommandError;
use crate::output::Output;

/// Where the pages go.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder, instead of printing the first
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints keywright(1), or writes all pages.
pub(crate) fn man(args: &ManArgs, output: Output) -> Result<(), CommandError> {
    match &args.dir {
        Some(folder) => {
            write(folder).map_err(|error| {
                let message = format!("the pages cannot be written to {}", folder.display());
                CommandError::new(Exit::User, "FILE_UNUSABLE", message).because(&error)
            })?;
            let page = folder.join("keywright.1");
            output.data(&json!({ "folder": folder }), || format!("Read them with: man -l {}", page.display()))
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Arguments::command()).render(&mut page).map_err(|error| {
                CommandError::new(Exit::Defect, "INTERNAL", "the page cannot be made").because(&error)
            })?;
            let page = String::from_utf8_lossy(&page).into_owned();
            output.data(&json!({ "page": &page }), || page.trim_end().to_owned())
        }
    }
}

fn write(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Arguments::command(), folder)
}
