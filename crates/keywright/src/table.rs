//! Tables as commands print them: columns set apart by blanks, so that other programs can cut them.

use comfy_table::{ContentArrangement, Table, presets};
use keywright_protocol::Timestamp;

/// The text of a table. No rows, no text but the headings.
pub(crate) fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings);
    for row in rows {
        table.add_row(row.map(|cell| printable(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Names come from other people: what steers a terminal, or turns the direction of writing, is shown as a
/// question mark.
pub(crate) fn printable(text: &str) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '?' } else { c }).collect()
}

/// An instant to the minute, which is enough in a table.
pub(crate) fn minute(instant: Timestamp) -> String {
    let text = instant.to_string();
    format!("{}Z", text.get(..16).unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_set_apart_and_nothing_steers_the_terminal() {
        let text = table(["NAME", "N"], [["a\u{1b}[31m\u{202e}".to_owned(), "1".to_owned()]]);
        assert_eq!(text, "NAME     N\na?[31m?  1");
    }
}
