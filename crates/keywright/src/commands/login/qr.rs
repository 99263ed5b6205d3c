//! A QR code for a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The code, two rows to a line, if it fits into `width` columns. Drawn as light on dark, the way most
/// terminals are; phones read both.
pub(super) fn draw(text: &str, width: usize) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let drawn = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    drawn.lines().all(|line| line.chars().count() <= width).then_some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_fits_into_a_terminal_and_is_left_out_where_it_does_not() {
        let url = "https://keywright.example/device?user_code=BCDF-GHJK";
        let drawn = draw(url, 80).unwrap();
        assert!(drawn.lines().count() <= 24, "{drawn}");
        assert!(draw(url, 30).is_none());
    }

    #[test]
    fn the_finder_patterns_are_light_on_dark() {
        // Behind the quiet zone of four: the upper left corner is seven modules wide.
        let drawn = draw("x", 80).unwrap();
        let line: Vec<char> = drawn.lines().nth(2).unwrap().chars().collect();
        assert!(line[..4].iter().all(|c| *c == '█'), "{drawn}");
        assert_eq!(line[4..11].iter().collect::<String>(), " ▄▄▄▄▄ ", "{drawn}");
    }
}
