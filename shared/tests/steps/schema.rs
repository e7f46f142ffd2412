//! Tests that the service accepts what the schema of steps accepts, and refuses what it refuses.

use jsonschema::Validator;
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{select, subsequence},
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};

use crate::support::read;

fn schema() -> Validator {
    let schema = include_str!("../fixtures/steps.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// The beginnings of the messages of rules that the schema can't express.
const OTHER_RULES: [&str; 11] = [
    "must be unique",
    "must be the id of a later step",
    "must not be one of",
    "is only for an ask",
    "is only for an option",
    "can't be combined with options",
    "is missing: an ask has options",
    "must have exactly one of say, ask",
    "is not available yet",
    "must say at most",
    "is not valid SSML",
];

#[test]
fn service_and_schema_agree() {
    let schema = schema();
    let mut accepted = 0;
    let mut runner = TestRunner::new(Config::with_cases(4_000));
    let counted = std::cell::RefCell::new(&mut accepted);
    runner
        .run(&steps(), |value| {
            let (fits, read) = (schema.is_valid(&value), read(value.clone()));
            match (fits, read) {
                (true, Ok(_)) => **counted.borrow_mut() += 1,
                (true, Err(faults)) => {
                    let is_other =
                        |message: &str| OTHER_RULES.iter().any(|rule| message.starts_with(rule));
                    for (path, message) in faults {
                        assert!(is_other(&message), "{value}: {path} {message}");
                    }
                }
                (false, Ok(_)) => panic!("the schema refuses {value}"),
                (false, Err(_)) => {}
            }
            Ok(())
        })
        .unwrap();
    assert!(accepted > 200, "only {accepted} valid cases");
}

#[test]
fn what_is_read_is_shown_in_a_form_that_the_schema_accepts() {
    let schema = schema();
    let mut runner = TestRunner::new(Config::with_cases(1_000));
    runner
        .run(&steps(), |value| {
            if let Ok(steps) = read(value) {
                let shown = serde_json::to_value(&steps).unwrap();
                assert!(schema.is_valid(&shown), "{shown}");
                assert_eq!(read(shown), Ok(steps));
            }
            Ok(())
        })
        .unwrap();
}

fn steps() -> impl Strategy<Value = Value> {
    vec(step(), 1..4).prop_map(Value::from)
}

fn step() -> impl Strategy<Value = Value> {
    let likely = prop_oneof![
        4 => prompt().prop_map(|say| json!({ "say": say })),
        6 => ask(),
        1 => any::<bool>().prop_map(|hang_up| json!({ "hang_up": hang_up })),
    ];
    prop_oneof![6 => likely, 1 => mixed()]
}

fn ask() -> impl Strategy<Value = Value> {
    let keys = prop_oneof![
        options().prop_map(|options| ("options", options)),
        (0..23).prop_map(|most| ("max_digits", json!(most))),
    ];
    (
        id(),
        prompt(),
        keys,
        fields(&["tries", "timeout_seconds", "no_input"]),
    )
        .prop_map(|(id, ask, (name, keys), others)| {
            let mut step = json!({ "id": id, "ask": ask, name: keys });
            step.as_object_mut().unwrap().extend(others);
            step
        })
}

/// Any fields with any values.
fn mixed() -> impl Strategy<Value = Value> {
    let names = [
        "id",
        "say",
        "ask",
        "options",
        "max_digits",
        "tries",
        "timeout_seconds",
        "no_input",
        "transfer",
        "hang_up",
        "surprise",
    ];
    subsequence(names.to_vec(), 0..4)
        .prop_flat_map(fields_of)
        .prop_map(Value::Object)
}

fn fields(names: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
    subsequence(names.to_vec(), 0..=names.len()).prop_flat_map(fields_of)
}

fn fields_of(names: Vec<&'static str>) -> impl Strategy<Value = Map<String, Value>> {
    let values: Vec<_> = names.iter().map(|name| value_of(name)).collect();
    values.prop_map(move |values| {
        let names = names.iter().map(|&name| name.to_owned());
        names.zip(values).collect()
    })
}

fn value_of(name: &str) -> proptest::strategy::BoxedStrategy<Value> {
    match name {
        "id" | "goto" | "outcome" => id().boxed(),
        "say" | "ask" | "whisper" => prompt().boxed(),
        "options" => options().boxed(),
        "max_digits" => (0..23).prop_map(Value::from).boxed(),
        "tries" | "repeat" => (0..5).prop_map(Value::from).boxed(),
        "timeout_seconds" => (1..18).prop_map(Value::from).boxed(),
        "no_input" => then().boxed(),
        "hang_up" | "block" => any::<bool>().prop_map(Value::from).boxed(),
        "transfer" => Just(json!({ "to": "+12125550123", "max_seconds": 60 })).boxed(),
        "text" => select(vec![
            json!("Hello."),
            json!(""),
            json!("a".repeat(3_001)),
            json!(1),
        ])
        .boxed(),
        "ssml" => select(vec![
            json!("Hello<break/>!"),
            json!("<voice>Hi.</voice>"),
            json!("a".repeat(3_001)),
        ])
        .boxed(),
        "spell" => select(vec![json!("4711AZ"), json!("az"), json!("1".repeat(21))]).boxed(),
        "language" => Just(json!("es-MX")).boxed(),
        _ => select(vec![json!(null), json!(7), json!([])]).boxed(),
    }
}

fn id() -> impl Strategy<Value = Value> {
    let good = select(vec!["a", "b", "c", "end", "later_1"]);
    let bad = select(vec!["", "A", "1", "a-b", "completed"]);
    prop_oneof![8 => good, 1 => bad].prop_map(Value::from)
}

fn options() -> impl Strategy<Value = Value> {
    let key = prop_oneof![9 => select(vec!["0", "1", "9"]), 1 => select(vec!["10", "*", "x", ""])];
    vec((key, then()), 0..3).prop_map(|options| {
        let options = options.into_iter();
        Value::Object(options.map(|(key, then)| (key.to_owned(), then)).collect())
    })
}

fn then() -> impl Strategy<Value = Value> {
    let names = prop_oneof![
        9 => subsequence(vec!["outcome", "say", "goto"], 0..3),
        1 => subsequence(vec!["outcome", "block", "surprise"], 1..3),
    ];
    names.prop_flat_map(fields_of).prop_map(Value::Object)
}

fn prompt() -> impl Strategy<Value = Value> {
    let part = || {
        prop_oneof![
            6 => Just(json!("Hello.")),
            3 => Just(json!({ "text": "Hola.", "language": "es-MX" })),
            1 => Just(json!({ "ssml": "<p>Hello.</p>" })),
            1 => subsequence(vec!["text", "ssml", "spell", "repeat", "language", "other"], 0..4)
                .prop_flat_map(fields_of)
                .prop_map(Value::Object),
        ]
    };
    prop_oneof![
        4 => part(),
        2 => vec(part(), 0..10).prop_map(Value::from),
        1 => value_of("other"),
    ]
}
