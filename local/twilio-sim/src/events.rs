//! What a call's Events resource tells: the requests made on its behalf, and their answers.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::model::Hook;
use crate::webhook::Answer;

/// How many events of one call are kept: its creation, and then the latest.
const KEPT_EVENTS: usize = 200;
/// How much of an answer is kept, in characters.
const KEPT_BODY: usize = 4_096;

/// The request that made the call.
#[must_use]
pub fn creation(url: &str, form: &[(String, String)], at: &str) -> Value {
    json!({
        "request": { "method": "POST", "url": url, "parameters": parameters(form) },
        "response": {
            "response_code": 201,
            "content_type": "application/json",
            "response_body": null,
            "date_created": at,
            "request_duration": 0,
        },
    })
}

/// A webhook and what came of it; the response code is null where nothing answered.
#[must_use]
pub fn webhook(
    hook: &Hook,
    form: &[(String, String)],
    at: &str,
    took: Duration,
    answer: Option<&Answer>,
) -> Value {
    json!({
        "request": {
            "method": if hook.get { "GET" } else { "POST" },
            "url": hook.url,
            "parameters": parameters(form),
        },
        "response": {
            "response_code": answer.map(|answer| answer.status.as_u16()),
            "content_type": answer.map(|answer| answer.media_type.as_str()),
            "response_body": answer.map(|answer| {
                String::from_utf8_lossy(&answer.body).chars().take(KEPT_BODY).collect::<String>()
            }),
            "date_created": at,
            "request_duration": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        },
    })
}

/// Adds an event and forgets what is too much.
pub fn note(events: &mut Vec<Value>, event: Value) {
    if events.len() == KEPT_EVENTS {
        events.remove(1);
    }
    events.push(event);
}

/// A form as Twilio shows it there: names in snake case, several values of a name as a list.
fn parameters(form: &[(String, String)]) -> Map<String, Value> {
    let mut shown = Map::new();
    for (name, value) in form {
        let value = Value::from(value.as_str());
        match shown.get_mut(&snake_case(name)) {
            None => {
                shown.insert(snake_case(name), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    shown
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}
