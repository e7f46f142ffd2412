//! Splits a text into parts that fit one `<Say>`.

use std::iter;

use unicode_segmentation::UnicodeSegmentation;

use crate::domain::SaySize;

/// Splits a text into parts that fit one `<Say>`, without the white space between them. A text that fits stays unchanged.
///
/// A part ends at the first of these that is possible: the end of a sentence, the end of a line, a blank (or a comma in a script
/// without blanks), the end of a character.
pub(super) fn speech_parts(text: &str) -> impl Iterator<Item = &str> {
    let whole = match fitting(text) {
        None => text,
        Some(_) => text.trim(),
    };
    let mut rest = Some(whole);
    iter::from_fn(move || {
        let text = rest.take()?;
        let Some(fitting) = fitting(text) else {
            return Some(text);
        };
        let (part, after) = text.split_at(cut(text, fitting));
        rest = Some(after.trim_start());
        Some(part.trim_end())
    })
}

/// Returns the length in bytes of the longest prefix that fits, or `None` if the whole text fits.
fn fitting(text: &str) -> Option<usize> {
    let mut size = SaySize::default();
    for (at, c) in text.char_indices() {
        size = size + SaySize::of_char(c);
        if !size.fits() {
            return Some(at);
        }
    }
    None
}

/// Returns where to cut a text, at most `fitting` bytes from its start. The text must not start with white space.
fn cut(text: &str, fitting: usize) -> usize {
    sentence_end(text, fitting)
        .or_else(|| line_end(text, fitting))
        .or_else(|| word_end(text, fitting))
        .or_else(|| character_end(text, fitting))
        .unwrap_or(fitting)
}

/// The role of a character at the end of a sentence.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// It ends one.
    Ends,
    /// It ends one if white space or a script without blanks follows: the point of `3.5` does not.
    EndsBeforeBlank,
    /// It belongs to the sentence that a mark before it ends.
    Closes,
    None,
}

fn mark(c: char) -> Mark {
    match c {
        '。' | '！' | '？' | '｡' | '।' | '॥' | '؟' | '۔' | '።' | '፧' | '։' | '။' | '។' => {
            Mark::Ends
        }
        '.' | '!' | '?' | '…' | '‥' | '‽' | '．' => Mark::EndsBeforeBlank,
        '"' | '\'' | ')' | ']' | '}' | '”' | '’' | '»' | '›' | '」' | '』' | '）' | '】' | '》'
        | '〉' => Mark::Closes,
        _ => Mark::None,
    }
}

/// Returns whether the script of the character has no blanks between words, like Thai, Lao, Burmese, Khmer, Chinese or Japanese.
fn has_no_blanks(c: char) -> bool {
    matches!(c, '\u{E00}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}'
        | '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Returns the end of the last sentence that fits.
fn sentence_end(text: &str, fitting: usize) -> Option<usize> {
    let (mut last, mut ended) = (None, Mark::None);
    for (at, c) in text.char_indices().take_while(|(at, _)| *at <= fitting) {
        match (ended, mark(c)) {
            (Mark::None, Mark::Closes) => {}
            (_, Mark::Closes) => continue,
            (Mark::Ends, _) => last = Some(at),
            (Mark::EndsBeforeBlank, _) if c.is_whitespace() || has_no_blanks(c) => last = Some(at),
            _ => {}
        }
        ended = match mark(c) {
            Mark::Closes => Mark::None,
            mark => mark,
        };
    }
    last
}

/// Returns the end of the last line that fits.
fn line_end(text: &str, fitting: usize) -> Option<usize> {
    let ends = text.match_indices(['\n', '\r', '\u{2028}', '\u{2029}']);
    let ends = ends.map(|(at, _)| at);
    ends.take_while(|at| *at <= fitting).last()
}

/// Returns the last blank that fits, or the end of the last comma in a script without blanks.
fn word_end(text: &str, fitting: usize) -> Option<usize> {
    let mut last = None;
    for (at, c) in text.char_indices().take_while(|(at, _)| *at <= fitting) {
        let end = match c {
            '，' | '、' | '；' | '：' | '､' | '،' | '؛' => at + c.len_utf8(),
            c if c.is_whitespace() => at,
            _ => continue,
        };
        if (1..=fitting).contains(&end) {
            last = Some(end);
        }
    }
    last
}

/// Returns the end of the last grapheme that fits, so that accents and joined emoji stay whole.
fn character_end(text: &str, fitting: usize) -> Option<usize> {
    let starts = text.grapheme_indices(true).map(|(at, _)| at);
    starts
        .take_while(|at| *at <= fitting)
        .last()
        .filter(|at| *at > 0)
}

#[cfg(test)]
mod tests;
