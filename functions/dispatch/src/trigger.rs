//! The events that start a run.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The reason for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub enum Trigger {
    /// The schedule.
    Schedule,
    /// A message in the wake-up queue, or any other JSON object.
    WakeUp,
}

impl From<Map<String, Value>> for Trigger {
    fn from(event: Map<String, Value>) -> Self {
        match event.get("source").and_then(Value::as_str) {
            Some("aws.events" | "aws.scheduler") => Self::Schedule,
            _ => Self::WakeUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn event_of_the_schedule_differs_from_a_wake_up() {
        for source in ["aws.events", "aws.scheduler"] {
            let event = json!({ "source": source, "detail-type": "Scheduled Event" });
            assert_eq!(Trigger::deserialize(event).unwrap(), Trigger::Schedule);
        }
        for event in [
            json!({}),
            json!({ "source": "me" }),
            json!({ "source": 1 }),
            json!({ "Records": [{ "body": "{\"wake\":true}" }] }),
        ] {
            assert_eq!(Trigger::deserialize(event).unwrap(), Trigger::WakeUp);
        }
    }

    #[test]
    fn event_that_is_no_object_is_malformed() {
        for event in [json!([]), json!(null), json!("aws.events")] {
            assert!(Trigger::deserialize(event).is_err());
        }
    }
}
