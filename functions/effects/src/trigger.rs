//! The events that start a run.

use aws_lambda_events::sqs::SqsEvent;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The work of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub enum Trigger {
    /// A batch of the effects queue: the effects of these calls.
    Messages(SqsEvent),
    /// The schedule, or any other JSON object: all open effects.
    Sweep,
}

impl TryFrom<Map<String, Value>> for Trigger {
    type Error = serde_json::Error;

    fn try_from(event: Map<String, Value>) -> Result<Self, Self::Error> {
        if event.contains_key("Records") {
            SqsEvent::deserialize(Value::Object(event)).map(Self::Messages)
        } else {
            Ok(Self::Sweep)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn batch_differs_from_a_sweep() {
        let batch = json!({ "Records": [{ "body": "{}" }] });
        let Ok(Trigger::Messages(event)) = Trigger::deserialize(batch) else {
            panic!("a batch");
        };
        assert_eq!(event.records.len(), 1);
        for event in [json!({}), json!({ "source": "aws.events" })] {
            assert_eq!(Trigger::deserialize(event).unwrap(), Trigger::Sweep);
        }
    }

    #[test]
    fn malformed_batch_is_no_sweep() {
        for event in [
            json!({ "Records": "x" }),
            json!({ "Records": [1] }),
            json!([]),
        ] {
            assert!(Trigger::deserialize(event).is_err());
        }
    }
}
