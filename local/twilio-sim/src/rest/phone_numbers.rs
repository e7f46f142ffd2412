//! The `IncomingPhoneNumbers` and `OutgoingCallerIds` resources: the numbers that the account may call from.

use serde_json::{Value, json};

use super::error::RestError;
use super::page::Page;
use super::params::Params;
use crate::clock::rfc2822;
use crate::phone_number::{e164, formatted};
use crate::sim::{PhoneNumber, Sim};

/// Lists the account's own numbers.
pub(super) fn incoming(sim: &Sim, query: &Params) -> Result<Value, RestError> {
    let (path, key) = ("/IncomingPhoneNumbers.json", "incoming_phone_numbers");
    list(sim, query, (path, key), &sim.numbers, |number| {
        let mut document = common(sim, "IncomingPhoneNumbers", number);
        for (name, value) in [
            ("address_requirements", json!("none")),
            ("api_version", json!("2010-04-01")),
            ("beta", json!(false)),
            (
                "capabilities",
                json!({ "voice": true, "sms": true, "mms": true, "fax": false }),
            ),
            ("emergency_address_status", json!("unregistered")),
            ("emergency_status", json!("Inactive")),
            ("origin", json!("twilio")),
            ("sms_fallback_method", json!("POST")),
            ("sms_fallback_url", json!("")),
            ("sms_method", json!("POST")),
            ("sms_url", json!("")),
            ("status", json!("in-use")),
            ("status_callback", json!("")),
            ("status_callback_method", json!("POST")),
            ("voice_caller_id_lookup", json!(false)),
            ("voice_fallback_method", json!("POST")),
            ("voice_fallback_url", json!("")),
            ("voice_method", json!("POST")),
            ("voice_receive_mode", json!("voice")),
            ("voice_url", json!("")),
        ] {
            document[name] = value;
        }
        for absent in [
            "address_sid",
            "bundle_sid",
            "emergency_address_sid",
            "identity_sid",
            "sms_application_sid",
            "trunk_sid",
            "voice_application_sid",
        ] {
            document[absent] = Value::Null;
        }
        document
    })
}

/// Lists the verified numbers of other owners.
pub(super) fn caller_ids(sim: &Sim, query: &Params) -> Result<Value, RestError> {
    let (path, key) = ("/OutgoingCallerIds.json", "outgoing_caller_ids");
    list(sim, query, (path, key), &sim.caller_ids, |number| {
        common(sim, "OutgoingCallerIds", number)
    })
}

fn list(
    sim: &Sim,
    query: &Params,
    (path, key): (&str, &str),
    all: &[PhoneNumber],
    render: impl Fn(&PhoneNumber) -> Value,
) -> Result<Value, RestError> {
    let page = Page::from_query(query)?;
    let wanted = query
        .get("PhoneNumber")
        .map(|text| e164(text).unwrap_or_else(|| text.to_owned()));
    let matching = all.iter().filter(|number| {
        wanted
            .as_ref()
            .is_none_or(|wanted| *wanted == number.number)
    });
    let items = matching.map(|number| (number.sid.as_str(), number));
    Ok(page.document(&sim.path(path), query, key, items, render))
}

fn common(sim: &Sim, resource: &str, number: &PhoneNumber) -> Value {
    json!({
        "account_sid": sim.config.account_sid,
        "date_created": rfc2822(sim.started),
        "date_updated": rfc2822(sim.started),
        "friendly_name": formatted(&number.number),
        "phone_number": number.number,
        "sid": number.sid,
        "uri": sim.path(&format!("/{resource}/{}.json", number.sid)),
    })
}
