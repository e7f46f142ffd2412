//! Tests where a long text is split.

use proptest::prelude::*;

use super::{fitting, speech_parts};

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
fn text_that_fits_is_one_unchanged_part() {
    for text in ["Hello.", " Hello.\n How are you? ", "", "  "] {
        assert_eq!(parts(text), [text]);
    }
    assert_eq!(parts(&"a".repeat(2_900)).len(), 1);
    assert_eq!(parts(&"a".repeat(2_901)).len(), 2);
    assert_eq!(parts(&"日".repeat(488)).len(), 1, "4,392 bytes");
    assert_eq!(parts(&"日".repeat(489)).len(), 2, "4,401 bytes");
}

#[test]
fn long_text_is_split_at_sentence_ends() {
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
fn long_sentence_is_split_at_blanks_and_long_word_between_characters() {
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
fn point_inside_a_number_or_address_ends_no_sentence() {
    let text = "第3.5版在a.example?x=1，".repeat(100);
    for part in parts(&text) {
        assert!(part.starts_with('第') && part.ends_with('，'), "{part}");
    }
}

#[test]
fn endless_character_and_endless_gap_are_split() {
    let stacked = format!("a{}", "\u{301}".repeat(2_999));
    assert_eq!(parts(&stacked).concat(), stacked);
    assert!(parts(&stacked).iter().all(|part| fits(part)));
    let gap = format!("a{}b", " ".repeat(2_998));
    assert_eq!(parts(&gap), ["a", "b"]);
}

proptest! {
    #[test]
    fn parts_contain_the_whole_text_in_order(
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
