//! Messages of an SQS queue as an event, and a function's result as the messages that it could not handle.

use aws_sdk_sqs::types::Message;
use serde_json::{Map, Value, json};

use crate::{ACCOUNT, REGION};

/// The event of a batch of messages, as Lambda sends it. The messages need their system attributes.
#[must_use]
pub fn sqs_event(queue: &str, messages: &[Message]) -> Value {
    let records = messages.iter().map(|message| {
        let attributes: Map<_, _> = message
            .attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_str().into()))
            .collect();
        json!({
            "messageId": message.message_id(),
            "receiptHandle": message.receipt_handle(),
            "body": message.body(),
            "attributes": attributes,
            "messageAttributes": {},
            "md5OfBody": message.md5_of_body(),
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"),
            "awsRegion": REGION,
        })
    });
    json!({ "Records": records.collect::<Vec<_>>() })
}

/// The ids of the messages that a result names as failed, or `None` if the whole batch failed.
///
/// No list, or an empty one, means success. A list with an item that names no message means that the whole batch failed.
pub(crate) fn failed_messages(result: &Value) -> Option<Vec<&str>> {
    let list = match result {
        Value::Null => return Some(Vec::new()),
        Value::Object(members) => members.get("batchItemFailures").unwrap_or(&Value::Null),
        _ => return None,
    };
    match list {
        Value::Null => Some(Vec::new()),
        Value::Array(items) => {
            let ids = items.iter().map(|item| item["itemIdentifier"].as_str());
            ids.map(|id| id.filter(|id| !id.is_empty())).collect()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_names_the_failed_messages() {
        let one = json!({ "batchItemFailures": [{ "itemIdentifier": "a" }] });
        assert_eq!(failed_messages(&one), Some(vec!["a"]));
        for none in [
            json!(null),
            json!({}),
            json!({ "batchItemFailures": null }),
            json!({ "batchItemFailures": [] }),
        ] {
            assert_eq!(failed_messages(&none), Some(Vec::new()), "{none}");
        }
    }

    #[test]
    fn invalid_result_fails_the_whole_batch() {
        for invalid in [
            json!("done"),
            json!({ "batchItemFailures": "a" }),
            json!({ "batchItemFailures": [{}] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": "a" }, { "itemIdentifier": "" }] }),
            json!({ "batchItemFailures": [{ "itemIdentifier": null }] }),
        ] {
            assert_eq!(failed_messages(&invalid), None, "{invalid}");
        }
    }
}
