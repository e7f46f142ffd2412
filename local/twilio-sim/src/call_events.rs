//! The entries of a call's Events resource: the requests of the call, and the responses.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::webhook::{WebhookResponse, WebhookTarget};

/// The most events to keep for one call: its creation and the latest ones.
const KEPT_EVENTS: usize = 200;
/// The most characters to keep of a response body.
const KEPT_BODY: usize = 4_096;

/// Returns the event for the request that created the call.
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

/// Returns the event for a webhook. The response fields are null if there was no response.
#[must_use]
pub fn webhook(
    target: &WebhookTarget,
    form: &[(String, String)],
    at: &str,
    took: Duration,
    response: Option<&WebhookResponse>,
) -> Value {
    json!({
        "request": {
            "method": if target.get { "GET" } else { "POST" },
            "url": target.url,
            "parameters": parameters(form),
        },
        "response": {
            "response_code": response.map(|response| response.status.as_u16()),
            "content_type": response.map(|response| response.media_type.as_str()),
            "response_body": response.map(|response| {
                String::from_utf8_lossy(&response.body).chars().take(KEPT_BODY).collect::<String>()
            }),
            "date_created": at,
            "request_duration": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        },
    })
}

/// Adds an event. When the list is full, it removes the oldest one after the creation.
pub fn add(events: &mut Vec<Value>, event: Value) {
    if events.len() == KEPT_EVENTS {
        events.remove(1);
    }
    events.push(event);
}

/// Converts a form to Twilio's format for events: names in snake case, repeated names as a list of values.
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
