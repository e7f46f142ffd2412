//! Steps from JSON, and what they say.

use outdial::{
    domain::{AskPlace, Place, Playing, Prompt, Steps, Words},
    http::FieldErrors,
};
use serde_json::Value;

/// Reads steps, or returns the path and the message of each fault, sorted.
pub fn read(value: Value) -> Result<Steps, Vec<(String, String)>> {
    let read = deserr::deserialize::<Steps, _, FieldErrors>(value);
    read.map_err(|errors| {
        let (errors, _) = errors.into_parts();
        let mut faults: Vec<_> = errors
            .into_iter()
            .map(|error| (error.field, error.message))
            .collect();
        faults.sort();
        faults
    })
}

/// Reads valid steps.
#[track_caller]
pub fn steps(value: Value) -> Steps {
    read(value).expect("valid steps")
}

/// The texts that are said.
pub fn texts(playing: &Playing<'_>) -> Vec<String> {
    let text = |prompt: &&Prompt| {
        let words = prompt.parts().iter().map(|part| match &part.words {
            Words::Text(text) => text.as_str().to_owned(),
            Words::Ssml(ssml) => ssml.as_str().to_owned(),
            Words::Spell(spelled) => spelled.as_str().to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    playing.says.iter().map(text).collect()
}

/// The place after keys at the ask that is played.
pub fn keyed(playing: &Playing<'_>) -> AskPlace {
    let place = playing.asking.as_ref().expect("an ask").with_keys();
    match carried(&place) {
        Place::Ask(ask) => ask,
        other => panic!("{other:?}"),
    }
}

/// The place after silence at the ask that is played.
pub fn silent(playing: &Playing<'_>) -> AskPlace {
    match carried(&playing.at_end()) {
        Place::Ask(ask) => ask,
        other => panic!("{other:?}"),
    }
}

/// The place after it went through a URL.
pub fn carried(place: &Place) -> Place {
    let pairs: Vec<_> = place
        .pairs()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let read = Place::of_pairs(&pairs).expect("a place");
    assert_eq!(&read, place);
    read
}
