//! Splits a text into parts that one `<Say>` takes.

use std::iter;

use unicode_segmentation::UnicodeSegmentation;

/// The most bytes of a part, percent-encoded. Twilio takes less than 4,500 (error 13521).
const MAX_ENCODED_BYTES: usize = 4_400;
/// The most characters of a part. Polly voices take 3,000, basic ones 4,000.
const MAX_CHARACTERS: usize = 2_900;

/// Returns the text as it is if one `<Say>` takes it, else its parts in order, without the white space between them.
///
/// A part ends with a sentence if it can, else with a line, else at a blank or a comma of a script without blanks, else
/// between two characters.
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

/// Returns the length in bytes of the longest beginning that fits, or `None` if the whole text does.
fn fitting(text: &str) -> Option<usize> {
    let mut encoded = 0;
    for (count, (at, c)) in text.char_indices().enumerate() {
        encoded += encoded_bytes(c);
        if encoded > MAX_ENCODED_BYTES || count == MAX_CHARACTERS {
            return Some(at);
        }
    }
    None
}

/// Percent-encoded, each byte has three but for the unreserved characters of RFC 3986.
fn encoded_bytes(c: char) -> usize {
    match c {
        'A'..='Z' | 'a'..='z' | '0'..='9' | '-' | '.' | '_' | '~' => 1,
        _ => 3 * c.len_utf8(),
    }
}

/// Where to cut a text that begins with a character other than white space, `fitting` bytes from its start at most.
fn cut(text: &str, fitting: usize) -> usize {
    sentence_end(text, fitting)
        .or_else(|| line_end(text, fitting))
        .or_else(|| word_end(text, fitting))
        .or_else(|| character_end(text, fitting))
        .unwrap_or(fitting)
}

/// What a character says about the end of a sentence.
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

/// Whether the script of the character has no blanks between words: Thai, Lao, Burmese, Khmer, Chinese, Japanese.
fn has_no_blanks(c: char) -> bool {
    matches!(c, '\u{E00}'..='\u{EFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}'
        | '\u{2E80}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// The end of the last sentence that fits.
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

/// The end of the last line that fits.
fn line_end(text: &str, fitting: usize) -> Option<usize> {
    let ends = text.match_indices(['\n', '\r', '\u{2028}', '\u{2029}']);
    let ends = ends.map(|(at, _)| at);
    ends.take_while(|at| *at <= fitting).last()
}

/// The last blank that fits, or the end of the last comma of a script that has no blanks.
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

/// The end of the last character that fits, as a reader sees characters: accents and joined emoji stay whole.
fn character_end(text: &str, fitting: usize) -> Option<usize> {
    let starts = text.grapheme_indices(true).map(|(at, _)| at);
    starts
        .take_while(|at| *at <= fitting)
        .last()
        .filter(|at| *at > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        speech_parts(text).collect()
    }

    fn fits(part: &str) -> bool {
        fitting(part).is_none()
    }

    fn without_blanks(text: &str) -> String {
        text.split_whitespace().collect()
    }

    #[test]
    fn a_text_that_fits_is_one_part_as_it_stands() {
        for text in ["Hello.", " Hello.\n How are you? ", "", "  "] {
            assert_eq!(parts(text), [text]);
        }
        assert_eq!(parts(&"a".repeat(2_900)).len(), 1);
        assert_eq!(parts(&"a".repeat(2_901)).len(), 2);
        assert_eq!(parts(&"日".repeat(488)).len(), 1, "4,392 bytes");
        assert_eq!(parts(&"日".repeat(489)).len(), 2, "4,401 bytes");
    }

    #[test]
    fn a_long_text_is_split_at_the_ends_of_sentences() {
        for sentence in [
            "We have version 3.5 of it. ",
            "Bitte rufen Sie uns zurück! ",
            "He said: \"Are you there?\" ",
            "Well… ",
            "Пожалуйста, перезвоните нам. ",
            "您的訂單已經準備好了。",
            "「本当ですか？」",
            "आपका ऑर्डर तैयार है।",
            "هل أنت هناك؟ ",
            "A line\n",
            "您的訂單已經準備好了!",
            "準備ができました．",
            "「你在吗?」",
            "កម្មង់របស់អ្នករួចរាល់ហើយ។",
            "A sentence\nof two lines. ",
        ] {
            let text = sentence.repeat(3_000 / sentence.chars().count());
            let parts = parts(&text);
            assert!(
                parts.len() > 1 && parts.iter().all(|part| fits(part)),
                "{sentence}"
            );
            for part in &parts {
                assert!(part.ends_with(sentence.trim_end()), "{sentence}: {part}");
                assert!(part.starts_with(sentence.trim_end()), "{sentence}: {part}");
            }
            assert_eq!(without_blanks(&parts.concat()), without_blanks(&text));
        }
    }

    #[test]
    fn a_long_sentence_is_split_at_blanks_and_a_long_word_between_characters() {
        let words = "слово ".repeat(500);
        for part in parts(&words) {
            assert!(part.split(' ').all(|word| word == "слово"), "{part}");
        }
        for part in parts(&"一二三四，".repeat(600)) {
            assert!(part.starts_with('一') && part.ends_with('，'), "{part}");
        }
        let flags = "🇩🇪".repeat(400);
        assert!(
            parts(&flags)
                .iter()
                .all(|part| part.chars().count() % 2 == 0 && fits(part))
        );
        let family = "👨\u{200d}👩\u{200d}👧".repeat(300);
        assert!(
            parts(&family)
                .iter()
                .all(|part| part.starts_with('👨') && part.ends_with('👧'))
        );
        let accents = "e\u{301}".repeat(1_000);
        assert!(parts(&accents).iter().all(|part| part.starts_with('e')));
    }

    #[test]
    fn a_point_inside_a_number_or_an_address_ends_no_sentence() {
        let text = "第3.5版在a.example?x=1，".repeat(100);
        for part in parts(&text) {
            assert!(part.starts_with('第') && part.ends_with('，'), "{part}");
        }
    }

    #[test]
    fn a_character_without_end_and_a_gap_without_end_are_split_all_the_same() {
        let stacked = format!("a{}", "\u{301}".repeat(2_999));
        assert_eq!(parts(&stacked).concat(), stacked);
        assert!(parts(&stacked).iter().all(|part| fits(part)));
        let gap = format!("a{}b", " ".repeat(2_998));
        assert_eq!(parts(&gap), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_added(
            text in r"([a-zA-Zа-я ,.!?…\n]|[一二三。！？，]|[👨👩🇩e\u{200d}\u{301}\u{a0}]){0,3000}",
        ) {
            let parts = parts(&text);
            prop_assert_eq!(without_blanks(&parts.concat()), without_blanks(&text));
            prop_assert!(parts.iter().all(|part| fits(part)));
            if parts.len() > 1 {
                prop_assert!(parts.iter().all(|part| part.trim() == *part && !part.is_empty()));
                let mut rest = text.as_str();
                for part in parts {
                    rest = rest.trim_start().strip_prefix(part).expect("the parts are in order");
                }
                prop_assert!(rest.trim().is_empty());
            }
        }
    }
}
