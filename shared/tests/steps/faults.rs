//! Tests that every fault of steps is reported at once, with its path.

use serde_json::{Value, json};

use crate::support::read;

/// Returns the paths of all faults.
fn paths(value: Value) -> Vec<String> {
    let faults = read(value).expect_err("steps with faults");
    faults.into_iter().map(|(path, _)| path).collect()
}

#[test]
fn all_faults_are_reported_at_once_with_their_paths() {
    let faults = paths(json!([
        { "id": "Intro", "say": ["Hello.", { "text": "Hola.", "repeat": 4 }] },
        { "ask": "Press 1.", "timeout_seconds": 2, "options": { "1": { "goto": "nowhere", "outcome": "completed" }, "#": {} } },
        { "id": "pin", "ask": "", "max_digits": 21, "no_input": { "say": "", "surprise": 1, "goto": "nowhere" } },
        { "id": "pin", "say": "Bye.", "tries": 2, "hang_up": true },
        7,
    ]));
    assert_eq!(
        faults,
        [
            "[0].id",
            "[0].say[1].repeat",
            "[1].id",
            "[1].options.#",
            "[1].options.1.goto",
            "[1].options.1.outcome",
            "[1].timeout_seconds",
            "[2].ask",
            "[2].max_digits",
            "[2].no_input.goto",
            "[2].no_input.say",
            "[2].no_input.surprise",
            "[3]",
            "[3].id",
            "[3].tries",
            "[4]",
        ]
    );
}

#[test]
fn step_does_exactly_one_thing() {
    for (step, path) in [
        (json!({}), "[0]"),
        (json!({ "id": "a" }), "[0]"),
        (json!({ "say": "Hello.", "hang_up": true }), "[0]"),
        (
            json!({ "say": "A.", "ask": "B?", "id": "a", "max_digits": 1 }),
            "[0]",
        ),
        (json!({ "hang_up": false }), "[0].hang_up"),
        (json!({ "say": null }), "[0].say"),
        (json!({ "say": [] }), "[0].say"),
        (json!({ "say": [[]] }), "[0].say[0]"),
        (json!({ "say": vec!["a"; 9] }), "[0].say"),
        (json!({ "say": {} }), "[0].say"),
        (json!({ "say": { "text": "a", "spell": "A" } }), "[0].say"),
        (json!({ "say": { "spell": "a" } }), "[0].say.spell"),
        (json!({ "say": "a\u{0}" }), "[0].say"),
    ] {
        assert_eq!(paths(json!([step])), [path], "{step}");
    }
}

#[test]
fn ask_has_options_or_digits() {
    for (step, path) in [
        (json!({ "id": "a", "ask": "B?" }), "[0].options"),
        (
            json!({ "id": "a", "ask": "B?", "options": {} }),
            "[0].options",
        ),
        (
            json!({ "id": "a", "ask": "B?", "options": { "1": {} }, "max_digits": 1 }),
            "[0].max_digits",
        ),
        (
            json!({ "id": "a", "ask": "B?", "options": { "10": {} } }),
            "[0].options.10",
        ),
        (
            json!({ "id": "a", "ask": "B?", "options": { "*": {} } }),
            "[0].options.*",
        ),
        (json!({ "ask": "B?", "max_digits": 4 }), "[0].id"),
        (json!({ "say": "A.", "no_input": {} }), "[0].no_input"),
    ] {
        assert_eq!(paths(json!([step])), [path], "{step}");
    }
}

#[test]
fn goto_leads_forward() {
    let ask = |id: &str, goto: &str| json!({ "id": id, "ask": "B?", "options": { "1": { "goto": goto } } });
    for (goto, is_valid) in [
        ("last", true),
        ("end", true),
        ("first", false),
        ("middle", false),
        ("start", false),
        ("hold", false),
    ] {
        let read = read(json!([
            { "id": "first", "say": "A." },
            ask("middle", goto),
            { "id": "last", "say": "C." },
        ]));
        assert_eq!(read.is_ok(), is_valid, "{goto}");
    }
}

#[test]
fn words_of_the_service_are_reserved() {
    for id in ["start", "end", "hold", "voicemail", "voicemail_done"] {
        assert_eq!(paths(json!([{ "id": id, "say": "A." }])), ["[0].id"]);
    }
    for outcome in [
        "completed",
        "no_input",
        "hung_up",
        "opted_out",
        "voicemail_left",
        "not_reached",
        "error",
    ] {
        let no_input = json!([{ "id": "a", "ask": "B?", "max_digits": 1, "no_input": { "outcome": outcome } }]);
        assert_eq!(paths(no_input), ["[0].no_input.outcome"], "{outcome}");
    }
}

#[test]
fn steps_are_few_and_short() {
    assert_eq!(paths(json!([])), [""]);
    assert_eq!(paths(json!({})), [""]);
    assert_eq!(paths(json!(vec![json!({ "say": "A." }); 21])), [""]);
    assert!(read(json!(vec![json!({ "say": "A." }); 20])).is_ok());
    let long = |text: &str| json!(vec![json!({ "say": text.repeat(2_300) }); 10]);
    assert!(read(long("a")).is_ok());
    assert_eq!(paths(long("é")), [""]);
    assert_eq!(paths(long("&")), [""]);
    let repeated = json!(vec![
        json!({ "say": { "text": "a".repeat(2_000), "repeat": 3 } });
        9
    ]);
    assert_eq!(paths(repeated), [""]);
}

#[test]
fn ssml_is_refused_with_the_path_of_its_part() {
    let faults = read(json!([
        { "say": ["A.", { "ssml": "B<voice>C</voice>" }] },
        { "id": "a", "ask": { "ssml": "<p>D</p>" }, "options": { "1": { "say": { "ssml": "<break/>" } } } },
    ]));
    let faults = faults.expect_err("two faults");
    let [(first, voice), (second, pause)] = &faults[..] else {
        panic!("{faults:?}")
    };
    assert_eq!(first, "[0].say[1].ssml");
    assert!(
        voice.starts_with("is not valid SSML (line 1, column 2): <voice>"),
        "{voice}"
    );
    assert_eq!(second, "[1].options.1.say.ssml");
    assert!(pause.contains("it has no words"), "{pause}");
}

#[test]
fn long_ssml_counts_with_its_elements() {
    let part = json!({ "ssml": format!("a{}", "<break/>".repeat(100)) });
    let steps = |count| json!(vec![json!({ "say": part }); count]);
    assert!(read(steps(14)).is_ok());
    assert_eq!(paths(steps(16)), [""]);
}

#[test]
fn what_is_not_available_yet_is_refused() {
    for (step, path) in [
        (
            json!({ "say": { "text": "A.", "audio_url": "https://example.com/a.wav" } }),
            "[0].say.audio_url",
        ),
        (
            json!({ "id": "a", "ask": "B?", "options": { "9": { "block": true } } }),
            "[0].options.9.block",
        ),
    ] {
        assert_eq!(paths(json!([step])), [path], "{step}");
    }
}
