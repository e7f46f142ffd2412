//! The `IncomingPhoneNumbers` and `OutgoingCallerIds` resources: the numbers that the account may call from, and what happens to
//! calls to its own.

use serde_json::{Value, json};

use super::error::RestError;
use super::page::Page;
use super::params::Params;
use crate::clock::rfc2822;
use crate::phone_number::{e164, formatted};
use crate::sim::{PhoneNumber, Sim};
use crate::webhook::WebhookTarget;

/// Lists the account's own numbers.
pub(super) fn incoming(sim: &Sim, query: &Params) -> Result<Value, RestError> {
    let (path, key) = ("/IncomingPhoneNumbers.json", "incoming_phone_numbers");
    list(sim, query, (path, key), &sim.numbers, |number| {
        document(sim, number)
    })
}

/// Returns a number of the account.
pub(super) fn fetch(sim: &Sim, sid: &str) -> Result<Value, RestError> {
    Ok(document(sim, known(sim, sid)?))
}

/// Updates what happens to calls to a number. An empty URL removes it; other parameters have no effect.
pub(super) fn update(sim: &Sim, sid: &str, form: &Params) -> Result<Value, RestError> {
    let number = known(sim, sid)?;
    let given = |url: &str, method: &str, code: u32| {
        let target = form.webhook_target(sim, url, method, code)?;
        Ok::<_, RestError>(form.has(url).then_some(target))
    };
    let voice = given("VoiceUrl", "VoiceMethod", 21502)?;
    let fallback = given("VoiceFallbackUrl", "VoiceFallbackMethod", 21502)?;
    let status = given("StatusCallback", "StatusCallbackMethod", 21609)?;
    let mut webhooks = number.webhooks();
    if let Some(voice) = voice {
        webhooks.voice = voice;
    }
    if let Some(fallback) = fallback {
        webhooks.voice_fallback = fallback;
    }
    if let Some(status) = status {
        webhooks.status = status;
    }
    drop(webhooks);
    Ok(document(sim, number))
}

fn known<'a>(sim: &'a Sim, sid: &str) -> Result<&'a PhoneNumber, RestError> {
    let found = sim.numbers.iter().find(|number| number.sid == sid);
    let path = format!("/IncomingPhoneNumbers/{sid}.json");
    found.ok_or_else(|| RestError::not_found(&sim.path(&path)))
}

fn document(sim: &Sim, number: &PhoneNumber) -> Value {
    let mut document = common(sim, "IncomingPhoneNumbers", number);
    let webhooks = number.webhooks().clone();
    let url = |target: &Option<WebhookTarget>| {
        json!(target.as_ref().map_or("", |target| target.url.as_str()))
    };
    let method = |target: &Option<WebhookTarget>| {
        let is_get = target.as_ref().is_some_and(|target| target.get);
        json!(if is_get { "GET" } else { "POST" })
    };
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
        ("status_callback", url(&webhooks.status)),
        ("status_callback_method", method(&webhooks.status)),
        ("voice_caller_id_lookup", json!(false)),
        ("voice_fallback_method", method(&webhooks.voice_fallback)),
        ("voice_fallback_url", url(&webhooks.voice_fallback)),
        ("voice_method", method(&webhooks.voice)),
        ("voice_receive_mode", json!("voice")),
        ("voice_url", url(&webhooks.voice)),
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
