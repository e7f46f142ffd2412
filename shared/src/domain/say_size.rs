//! The size of what one `<Say>` speaks, and its limits.

use std::ops::Add;

/// The most percent-encoded bytes of one `<Say>`. Twilio's limit is 4,500 (error 13521).
const MAX_ENCODED_BYTES: usize = 4_400;
/// The most characters of one `<Say>`. Polly voices allow 3,000, Google voices 5,000 with their elements, basic ones 4,000.
const MAX_CHARACTERS: usize = 2_900;

/// The size of a text in a `<Say>`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SaySize {
    characters: usize,
    encoded_bytes: usize,
}

impl SaySize {
    /// The size of a character.
    #[must_use]
    pub fn of_char(c: char) -> Self {
        Self {
            characters: 1,
            encoded_bytes: encoded_bytes(c),
        }
    }

    /// The size of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        text.chars().map(Self::of_char).sum()
    }

    /// Returns true if one `<Say>` can have it.
    #[must_use]
    pub fn fits(self) -> bool {
        self.characters <= MAX_CHARACTERS && self.encoded_bytes <= MAX_ENCODED_BYTES
    }
}

impl Add for SaySize {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            characters: self.characters + other.characters,
            encoded_bytes: self.encoded_bytes + other.encoded_bytes,
        }
    }
}

impl std::iter::Sum for SaySize {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), Add::add)
    }
}

/// The length of a percent-encoded character: unreserved characters of RFC 3986 stay, other bytes become three.
fn encoded_bytes(c: char) -> usize {
    match c {
        'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~' => 1,
        _ => 3 * c.len_utf8(),
    }
}
