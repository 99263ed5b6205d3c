//! Base 62 with the digits `0-9A-Za-z`, in that order.

use crate::fill_random;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Appends `count` random digits, each of the 62 equally likely.
pub(crate) fn push_random(text: &mut String, count: usize) {
    // 248 = 4 * 62: a byte at or above it would favour the first digits, so it is drawn again.
    let mut left = count;
    while left > 0 {
        let mut bytes = zeroize::Zeroizing::new([0u8; 64]);
        fill_random(bytes.as_mut());
        for byte in bytes.iter().filter(|byte| **byte < 248).take(left) {
            text.push(DIGITS[usize::from(byte % 62)] as char);
            left -= 1;
        }
    }
}

/// `value` as exactly six digits, zero padded: 62^6 exceeds 2^32.
pub(crate) fn six_digits(mut value: u32) -> [u8; 6] {
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(value % 62) as usize];
        value /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_digits_are_zero_padded_and_cover_the_range() {
        assert_eq!(&six_digits(0), b"000000");
        assert_eq!(&six_digits(61), b"00000z");
        assert_eq!(&six_digits(62), b"000010");
        assert_eq!(&six_digits(u32::MAX), b"4gfFC3");
    }

    #[test]
    fn random_digits_use_the_whole_alphabet() {
        let mut text = String::new();
        push_random(&mut text, 20_000);
        assert_eq!(text.len(), 20_000);
        for digit in DIGITS {
            let seen = text.bytes().filter(|byte| byte == digit).count();
            // 322 expected, standard deviation 18: eight of them either way.
            assert!((178..=466).contains(&seen), "{} seen {seen} times", *digit as char);
        }
    }
}
