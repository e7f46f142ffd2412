//! The document of a call.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::clock::rfc2822;
use crate::model::{Call, Origin, Status};
use crate::phone_number::formatted;
use crate::sim::Sim;

const SUBRESOURCES: &[(&str, &str)] = &[
    ("notifications", "Notifications"),
    ("recordings", "Recordings"),
    ("payments", "Payments"),
    ("events", "Events"),
    ("siprec", "Siprec"),
    ("streams", "Streams"),
    ("transcriptions", "Transcriptions"),
    (
        "user_defined_message_subscriptions",
        "UserDefinedMessageSubscriptions",
    ),
    ("user_defined_messages", "UserDefinedMessages"),
];

/// The response to the request that created the call. As with Twilio, its dates are null.
pub(super) fn created(sim: &Sim, call: &Call) -> Value {
    let mut document = document(sim, call);
    for date in ["date_created", "date_updated", "start_time", "end_time"] {
        document[date] = Value::Null;
    }
    document
}

/// The call as a fetch or a list returns it.
pub(super) fn document(sim: &Sim, call: &Call) -> Value {
    let date = |at: Option<DateTime<Utc>>| at.map(rfc2822);
    let base = sim.path(&format!("/Calls/{}", call.sid));
    let price = match (call.status, call.duration) {
        (Status::Completed, Some(seconds)) => {
            Some(format!("-{:.5}", 0.014 * f64::from(minutes(seconds))))
        }
        _ => None,
    };
    let subresources: Map<String, Value> = SUBRESOURCES
        .iter()
        .map(|(key, name)| ((*key).to_owned(), format!("{base}/{name}.json").into()))
        .collect();
    json!({
        "account_sid": sim.config.account_sid,
        "annotation": null,
        "answered_by": call.answered_by,
        "api_version": "2010-04-01",
        "caller_name": null,
        "date_created": rfc2822(call.created),
        "date_updated": rfc2822(call.updated),
        "direction": call.request.origin.direction(),
        "duration": call.duration.map(|seconds| seconds.to_string()),
        "end_time": date(call.ended),
        "forwarded_from": null,
        "from": call.request.from,
        "from_formatted": formatted(&call.request.from),
        "group_sid": null,
        "parent_call_sid": call.request.origin.parent(),
        "phone_number_sid": sim.number(our_number(call)).map(|number| &number.sid),
        "price": price,
        "price_unit": "USD",
        "queue_time": call.queue_time_ms.to_string(),
        "sid": call.sid,
        "start_time": date(call.started),
        "status": call.status.as_rest_str(),
        "subresource_uris": subresources,
        "to": call.request.to,
        "to_formatted": formatted(&call.request.to),
        "trunk_sid": null,
        "uri": format!("{base}.json"),
    })
}

fn our_number(call: &Call) -> &str {
    match call.request.origin {
        Origin::Inbound => &call.request.to,
        Origin::Api | Origin::Dial(_) => &call.request.from,
    }
}

fn minutes(seconds: u64) -> u32 {
    u32::try_from(seconds.div_ceil(60)).unwrap_or(u32::MAX)
}
