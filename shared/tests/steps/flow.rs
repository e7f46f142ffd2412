//! Tests where steps lead: after keys, silence, wrong keys and repeats.

use outdial::domain::{LegMoment, LegStatus, Place, Steps, TransferLeg, TransferPlace};
use serde_json::json;

use crate::support::{carried, keyed, silent, steps, texts};

fn survey() -> Steps {
    steps(json!([
        { "say": "Hello." },
        {
            "id": "one", "ask": "One?", "tries": 2,
            "options": { "1": { "say": "Good." }, "2": { "goto": "bye" }, "3": { "goto": "end", "say": "Sorry." } },
            "no_input": { "say": "No matter." },
        },
        { "say": "Next." },
        { "id": "two", "ask": "Two?", "max_digits": 3 },
        { "id": "bye", "say": "Bye." },
        { "hang_up": true },
        { "say": "Never." },
    ]))
}

#[test]
fn says_and_the_next_ask_are_one_play() {
    let steps = survey();
    let first = steps.first();
    assert_eq!(texts(&first), ["Hello.", "One?"]);
    let place = keyed(&first);
    assert_eq!((place.nth, place.tries, place.repeats), (1, 2, 0));
    assert_eq!(place.keys.as_deref(), Some("123"));
    assert_eq!(silent(&first).played, Some(2));
}

#[test]
fn option_says_its_text_and_goes_on() {
    let steps = survey();
    let place = keyed(&steps.first());
    let after = |keys| steps.after_keys(&place, keys).unwrap();
    assert_eq!(texts(&after("1")), ["Good.", "Next.", "Two?"]);
    assert_eq!(texts(&after("2")), ["Bye."]);
    assert_eq!(after("2").at_end(), Place::End(false));
    assert_eq!(texts(&after("3")), ["Sorry."]);
    assert!(after("3").asking.is_none());
}

#[test]
fn wrong_key_repeats_everything_and_silence_only_the_ask() {
    let steps = survey();
    let first = steps.first();
    let wrong = steps.after_keys(&keyed(&first), "7").unwrap();
    assert_eq!(texts(&wrong), ["Hello.", "One?"]);
    assert_eq!(keyed(&wrong).nth, 2);
    let quiet = steps.after_silence(&silent(&first)).unwrap();
    assert_eq!(texts(&quiet), ["One?"]);
    assert_eq!(keyed(&quiet).nth, 2);
    // A wrong key after silence repeats everything too.
    let place = keyed(&quiet);
    assert!(place.is_last(Some("7")));
    assert_eq!(
        texts(&steps.after_keys(&place, "7").unwrap()),
        ["No matter.", "Next.", "Two?"]
    );
}

#[test]
fn star_repeats_without_using_up_a_try_but_not_for_ever() {
    let steps = survey();
    let mut playing = steps.first();
    for repeats in 1..=4 {
        let place = keyed(&playing);
        assert!(!place.is_last(Some("*")));
        playing = steps.after_keys(&place, "*").unwrap();
        assert_eq!(texts(&playing), ["Hello.", "One?"]);
        let place = keyed(&playing);
        assert_eq!((place.nth, place.repeats), (1, repeats));
    }
    let place = keyed(&playing);
    assert!(place.is_last(Some("*")), "it was played five times");
    assert_eq!(
        texts(&steps.after_keys(&place, "*").unwrap()),
        ["No matter.", "Next.", "Two?"]
    );
}

#[test]
fn star_repeats_the_last_try() {
    let steps = steps(json!([{ "id": "a", "ask": "A?", "max_digits": 4, "tries": 1 }]));
    let place = keyed(&steps.first());
    assert!(place.is_last(None) && place.is_last(Some("12345")));
    let playing = steps.after_keys(&place, "*").unwrap();
    assert_eq!(texts(&playing), ["A?"]);
    let place = keyed(&playing);
    assert_eq!((place.nth, place.repeats), (1, 1));
    assert!(texts(&steps.after_silence(&place).unwrap()).is_empty());
}

#[test]
fn goto_into_the_middle_is_repeated_from_there() {
    let steps = steps(json!([
        { "id": "a", "ask": "A?", "options": { "1": { "goto": "c" } } },
        { "say": "Skipped." },
        { "id": "c", "say": "C." },
        { "id": "d", "ask": "D?", "max_digits": 4 },
    ]));
    let playing = steps.after_keys(&keyed(&steps.first()), "1").unwrap();
    assert_eq!(texts(&playing), ["C.", "D?"]);
    let repeated = steps.after_keys(&keyed(&playing), "12345").unwrap();
    assert_eq!(texts(&repeated), ["C.", "D?"]);
}

#[test]
fn only_unbroken_silence_proves_a_full_delivery() {
    let steps = steps(json!([
        { "id": "a", "ask": "A?", "options": { "1": {} }, "tries": 1 },
        { "say": "B." },
    ]));
    let first = steps.first();
    let heard = steps.after_silence(&silent(&first)).unwrap();
    assert_eq!(heard.at_end(), Place::End(true));
    let keyed_through = steps.after_keys(&keyed(&first), "1").unwrap();
    assert_eq!(keyed_through.at_end(), Place::End(false));
    let wrong = steps.after_keys(&keyed(&first), "7").unwrap();
    assert_eq!(wrong.at_end(), Place::End(false));
    let only_said = crate::support::steps(json!([{ "say": "A." }, { "say": "B." }]));
    assert_eq!(only_said.first().at_end(), Place::End(true));
}

#[test]
fn silence_at_an_ask_for_several_digits_proves_nothing() {
    let steps = steps(json!([{ "id": "a", "ask": "A?", "max_digits": 2, "tries": 1 }]));
    let first = steps.first();
    assert_eq!(silent(&first).played, None);
    let ended = steps.after_silence(&silent(&first)).unwrap();
    assert_eq!(ended.at_end(), Place::End(false));
}

#[test]
fn digits_are_an_answer_up_to_their_number() {
    let steps = survey();
    let place = keyed(&steps.after_keys(&keyed(&steps.first()), "1").unwrap());
    for (keys, is_answer) in [
        ("1", true),
        ("007", true),
        ("1234", false),
        ("1*", false),
        ("#", false),
        ("", false),
        ("１", false),
    ] {
        let next = steps.after_keys(&place, keys).unwrap();
        assert_eq!(next.asking.is_none(), is_answer, "{keys}");
    }
}

#[test]
fn unknown_places_lead_nowhere() {
    let steps = survey();
    let mut place = keyed(&steps.first());
    place.step = "gone".parse().unwrap();
    assert!(steps.after_keys(&place, "1").is_none());
    assert!(steps.after_silence(&place).is_none());
    for pairs in [
        &[("step", "one")][..],
        &[("step", "hold")],
        &[("step", "")],
        &[
            ("step", "one"),
            ("try", "-1"),
            ("tries", "1"),
            ("repeats", "0"),
            ("from", "0"),
        ],
    ] {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        assert_eq!(Place::of_pairs(&pairs), Some(Place::Unknown), "{pairs:?}");
    }
    assert_eq!(Place::of_pairs(&[]), None);
    carried(&Place::Start);
    carried(&Place::End(true));
    carried(&Place::End(false));
}

#[test]
fn transfer_is_a_place_of_its_own_and_leads_on_only_without_a_connection() {
    let steps = steps(json!([
        { "say": "Hello." },
        { "id": "agent", "transfer": { "to": "+12125550199", "failed": { "say": "Sorry." } } },
        { "say": "Bye." },
    ]));
    let first = steps.first();
    assert_eq!(texts(&first), ["Hello."]);
    let place = TransferPlace {
        step: "agent".parse().unwrap(),
        moment: LegMoment::Dial,
        played: Some(2),
        end: None,
    };
    assert_eq!(carried(&first.at_end()), Place::Transfer(place.clone()));
    let leg = |connected| TransferLeg {
        connected: Some(connected),
        ..TransferLeg::new(&place.step, LegStatus::Completed)
    };
    let connected = steps.after_transfer(&place, &leg(true)).unwrap();
    assert_eq!(texts(&connected), [""; 0]);
    assert_eq!(connected.at_end(), Place::End(true));
    let failed = steps.after_transfer(&place, &leg(false)).unwrap();
    assert_eq!(texts(&failed), ["Sorry.", "Bye."]);
    let unknown = TransferPlace {
        step: "nobody".parse().unwrap(),
        ..place
    };
    assert_eq!(steps.after_transfer(&unknown, &leg(false)), None);
}
