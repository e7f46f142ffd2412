//! Tests that nobody hears more than the most that steps can say.

use outdial::domain::{Place, Playing, Prompt, Steps, Words};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::support::steps;

fn characters(prompt: &Prompt) -> u64 {
    let part = |words: &Words| match words {
        Words::Text(text) => text.as_str().len() as u64,
        Words::Ssml(_) | Words::Spell(_) => 0,
    };
    prompt.parts().iter().map(|it| part(&it.words)).sum()
}

/// A step that says texts of these lengths.
fn step(at: usize, kind: &str, lengths: [usize; 4]) -> Value {
    let [own, one, two, silent] = lengths.map(|length| "a".repeat(length));
    let id = format!("s{at}");
    match kind {
        "say" => json!({ "say": own }),
        "digits" => json!({ "id": id, "ask": own, "max_digits": 3, "no_input": { "say": silent } }),
        _ => json!({
            "id": id, "ask": own, "tries": 2,
            "options": { "1": { "say": one }, "2": { "say": two, "goto": "end" } },
            "no_input": { "say": silent },
        }),
    }
}

/// The characters that a person hears who presses these keys, or nothing if a key is empty.
fn heard(steps: &Steps, keys: &[&str], repeats_words: bool) -> u64 {
    let mut playing = Some(steps.first());
    let mut heard = 0;
    let mut keys = keys.iter();
    while let Some(document) = playing {
        heard += document.says.iter().map(|it| characters(it)).sum::<u64>();
        playing = next(
            steps,
            &document,
            keys.next().copied().unwrap_or(""),
            repeats_words,
        );
    }
    heard
}

fn next<'a>(
    steps: &'a Steps,
    playing: &Playing<'_>,
    keys: &str,
    repeats_words: bool,
) -> Option<Playing<'a>> {
    let place = match keys {
        "" => playing.at_end(),
        _ => playing.with_keys(),
    };
    match place {
        Place::Ask(ask) if keys.is_empty() => steps.after_silence(&ask),
        Place::Ask(ask) => steps.after_keys(&ask, keys),
        Place::Said(said) if repeats_words => steps.after_words(said),
        _ => None,
    }
}

proptest! {
    #[test]
    fn nobody_hears_more_than_the_heaviest_way(
        kinds in vec((select(&["say", "digits", "options"][..]), [1..50_usize, 1..50, 1..50, 1..50]), 1..6),
        keys in vec(select(&["1", "2", "5", "*", "#", ""][..]), 0..40),
        repeats_words: bool,
    ) {
        let all = kinds.iter().enumerate();
        let all: Vec<_> = all.map(|(at, (kind, lengths))| step(at, kind, *lengths)).collect();
        let steps = steps(Value::Array(all));
        let most = steps.heaviest(repeats_words, characters);
        prop_assert!(heard(&steps, &keys, repeats_words) <= most);
    }
}
