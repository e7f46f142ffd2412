//! The programs of `docs/EXAMPLES.md` and `docs/API.md` that use the dial queue, unchanged, against a whole stack.

use std::thread;

use reqwest::Method;
use serde_json::{Value, json};

use super::program::{Language, Program};
use crate::dev_process::Dev;

/// What the programs print of the calls that they schedule, but for the time.
const SCHEDULED_AND_CANCELED: [&str; 2] = ["scheduled, due ", "canceled, requested"];

#[tokio::test(flavor = "multi_thread")]
async fn examples_of_scheduled_calls_work() {
    let dev = Dev::start_with(&["--speed", "50"]);
    let user = json!({ "name": "Ada", "email": "ada@example.com", "phone_number": "+12125551000" });
    let user = dev.request(Method::POST, "/users").json(&user).send().await;
    let user: Value = user
        .expect("an answer")
        .json()
        .await
        .expect("the user is created");
    let user_id = user["id"].as_str().expect("an id");
    in_every_language(|language| {
        page(&dev, language);
        connect(&dev, language);
        confirm(&dev, language);
        say_code(&dev, language);
        ask_questions(&dev, language);
        read_transcript(&dev, language);
        respect_hours(&dev, language);
        schedule_and_batch(&dev, language, user_id);
    });
}

#[test]
fn example_of_a_batch_works() {
    let dev = Dev::start_with(&["--speed", "50"]);
    let at = chrono::Utc::now().to_rfc3339();
    in_every_language(|language| remind(&dev, language, &at));
}

/// Concurrently: a batch ends up to a minute after its last call.
fn in_every_language(run: impl Fn(Language) + Sync) {
    thread::scope(|scope| {
        for language in Language::installed() {
            let run = &run;
            scope.spawn(move || run(language));
        }
    });
}

/// A number that is busy the first time, and only for this language and example.
fn busy_once(language: Language, digit: u8) -> String {
    let area = match language {
        Language::Bash => 303,
        Language::Python => 312,
        Language::JavaScript => 415,
    };
    let area = area + u16::from(digit);
    format!("+1{area}5550161")
}

fn page(dev: &Dev, language: Language) {
    let number = busy_once(language, 0);
    let program = Program::of_examples(language, "Page the on-call engineer");
    let run = program.run(&dev.url(), dev.api_key(), &[("ON_CALL", &number)]);
    assert_eq!(run.told, "reached: true, attempts: 2\n", "{language:?}");
}

fn connect(dev: &Dev, language: Language) {
    let example = "Page an engineer and connect the incident line";
    let program = Program::of_examples(language, example);
    let numbers = [
        ("ENGINEER", "+12125550106"),
        ("INCIDENT_LINE", "+12125550120"),
    ];
    let run = program.run(&dev.url(), dev.api_key(), &numbers);
    let expected = "result: ack\nline: connected true\n";
    assert_eq!(run.told, expected, "{language:?}");
}

fn confirm(dev: &Dev, language: Language) {
    let program = Program::of_examples(language, "Confirm an appointment");
    let presses_1 = [("PATIENT", "+12125550106")];
    let run = program.run(&dev.url(), dev.api_key(), &presses_1);
    let expected = "result: confirmed, keys: 1\ncalls with this result: 1\n";
    assert_eq!(run.told, expected, "{language:?}");
}

fn say_code(dev: &Dev, language: Language) {
    let program = Program::of_examples(language, "Say a code twice");
    let listens = [("PHONE", "+12125550100")];
    let run = program.run(&dev.url(), dev.api_key(), &listens);
    let expected = "result: completed, delivery: full\n";
    assert_eq!(run.told, expected, "{language:?}");
}

fn ask_questions(dev: &Dev, language: Language) {
    let program = Program::of_examples(language, "Ask three questions");
    let presses_1 = [("CUSTOMER", "+12125550106")];
    let run = program.run(&dev.url(), dev.api_key(), &presses_1);
    let expected = "result: good\narrived: 1\ngrade: 1\nshop: 1\n";
    assert_eq!(run.told, expected, "{language:?}");
}

fn read_transcript(dev: &Dev, language: Language) {
    let program = Program::of_examples(language, "Read what was said");
    let talks = [("PHONE", "+12125550129")];
    let run = program.run(&dev.url(), dev.api_key(), &talks);
    let told = &run.told;
    assert!(told.starts_with("transcript: completed\n"), "{told}");
    for line in ["outdial: Hello!", "callee: Yes, that works for me."] {
        assert!(
            told.lines().any(|other| other == line),
            "{language:?}: {told}"
        );
    }
}

fn respect_hours(dev: &Dev, language: Language) {
    let program = Program::of_examples(language, "Never call outside the hours");
    let run = program.run(&dev.url(), dev.api_key(), &[]);
    let lines: Vec<_> = run.told.lines().collect();
    assert_eq!(lines.len(), 2, "{language:?}: {}", run.told);
    for (line, start) in lines.iter().zip(SCHEDULED_AND_CANCELED) {
        assert!(line.starts_with(start), "{language:?}: {line}");
    }
}

fn schedule_and_batch(dev: &Dev, language: Language, user_id: &str) {
    let run = Program::of_reference(language, user_id).run(&dev.url(), dev.api_key(), &[]);
    let is_fixed = |line: &&str| !line.starts_with("due at 20");
    let lines: Vec<_> = run.told.lines().filter(is_fixed).collect();
    let expected = [
        "scheduled, waits for scheduled_time",
        "canceled, requested",
        "added 2",
        "running, recipients 3",
        "results 2",
        "batches on the page 1",
    ];
    assert_eq!(lines, expected, "{language:?}");
}

/// A batch of eight people, of whom one is busy the first time.
fn remind(dev: &Dev, language: Language, at: &str) {
    let busy = busy_once(language, 1);
    let header = "external_id,to_number,first_name,time\n".to_owned();
    let seven = (1..=7).map(|n| format!("patient-{n},+1212555110{n},Ada,10:30\n"));
    let people = seven.fold(header, |people, row| people + &row);
    let people = people + &format!("patient-8,{busy},,11:15\n");
    let program = Program::of_examples(language, "Remind 500 people tomorrow at nine")
        .with_file("people.csv", people);
    let variables = [("REMIND_AT", at), ("REMIND_DELAY", "1")];
    let run = program.run(&dev.url(), dev.api_key(), &variables);
    let told = run.told.replace(' ', "");
    let expected = "added8,inthebatch8\nrecipients8,attempts9,{\"completed\":8}\n";
    assert_eq!(told, expected, "{language:?}");

    let results = std::fs::read_to_string(run.file("results.csv")).expect("the results");
    assert_eq!(results.lines().count(), 9, "{results}");
    let columns: Vec<_> = results
        .lines()
        .next()
        .expect("a header")
        .split(',')
        .collect();
    let attempts = columns.iter().position(|column| *column == "attempts");
    let attempts = attempts.expect("the column attempts");
    let busy = results.lines().find(|line| line.contains(",patient-8,"));
    let busy: Vec<_> = busy.expect("the busy one").split(',').collect();
    assert_eq!(busy[attempts], "2", "{results}");
}
