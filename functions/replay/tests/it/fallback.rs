//! Tests requests for the fallback URL, whose signature only `replay` checks.

use mongodb::bson::{Document, doc};
use outdial::{
    domain::{Call, CallStatus, Delivery},
    http::FieldErrors,
};
use serde_json::{Value, json};
use testkit::{ACCOUNT_SID, AUTH_TOKEN, Queue, Stage};

use crate::support::{read, replay, scene, sid};

const URL: &str = "https://fallback.example.com/twilio/fallback";

/// A stage whose functions know the fallback URL.
async fn fallback_scene() -> (Stage, Queue) {
    let (stage, queue) = scene().await;
    (stage.set("FALLBACK_URL", URL), queue)
}

/// A call with an ask and the options 1 and 2, in progress.
async fn listening(stage: &Stage) -> Call {
    let options = json!({ "1": { "outcome": "yes" }, "2": {} });
    let steps = json!([
        { "id": "confirm", "ask": "Press 1.", "options": options, "no_input": { "outcome": "silent" } },
        { "say": "Bye." },
    ]);
    let steps = deserr::deserialize::<_, _, FieldErrors>(steps).unwrap();
    stage
        .call(|call| {
            call.status = CallStatus::InProgress;
            call.steps = Some(steps);
        })
        .await
}

/// The message of `fallback` after this URL failed, signed with this token.
fn message(call: &Call, token: &str, error_url: &str, keys: &[(&str, &str)]) -> Value {
    message_with_code("11200", call, token, error_url, keys)
}

fn message_with_code(
    code: &str,
    call: &Call,
    token: &str,
    error_url: &str,
    keys: &[(&str, &str)],
) -> Value {
    let form = [
        ("AccountSid", ACCOUNT_SID),
        ("CallSid", sid(call).as_str()),
        ("ErrorCode", code),
        ("ErrorUrl", error_url),
        ("CallerName", ""),
    ];
    let form = [&form, keys].concat();
    let query = format!("call_id={}&lang=en-US", call.call_id);
    let signature = outdial::twilio::sign(&format!("{URL}?{query}"), &form, token);
    json!({
        "topic": "fallback",
        "call_id": call.call_id.to_string(),
        "token": null,
        "form": testkit::form(&form),
        "received_at": 1_795_381_200_000_i64,
        "request_id": "r",
        "unverified": { "query": query, "signature": signature, "settings": null },
    })
}

fn voice_url(call: &Call, place: &str) -> String {
    format!(
        "https://v.example.com/twilio/voice?call_id={}&lang=en-US{place}#rc=1",
        call.call_id
    )
}

/// Applies the message twice. Returns the call after that.
async fn applied(stage: &Stage, queue: &Queue, call: &Call, message: &Value) -> Call {
    queue.put(&message.to_string()).await;
    let event = queue.event().await;
    for _ in 0..2 {
        assert!(replay(stage, &event).await.is_empty());
    }
    queue.receive_all().await;
    read(stage, call).await
}

fn result(mut call: Call) -> Option<String> {
    call.status = CallStatus::Completed;
    call.result().map(str::to_owned)
}

#[tokio::test]
async fn script_that_was_not_spoken_has_delivery_none() {
    let (stage, queue) = fallback_scene().await;
    let call = stage.call(|call| call.status = CallStatus::Completed).await;
    let message = message(&call, AUTH_TOKEN, &voice_url(&call, ""), &[]);
    let told = applied(&stage, &queue, &call, &message).await;
    assert_eq!(told.delivery, Some(Delivery::None));
    assert_eq!(told.status, CallStatus::Completed);
}

#[tokio::test]
async fn steps_that_a_failure_ended_are_cut_off() {
    let (stage, queue) = fallback_scene().await;
    let ask = "&step=confirm&try=1&tries=1&repeats=0&from=0&keys=12";
    for (place, keys, delivery, expected) in [
        ("&step=start", None, Delivery::None, "error"),
        // A request without keys is not proof of silence: Twilio may have dropped them.
        (ask, None, Delivery::Started, "error"),
        (ask, Some("1"), Delivery::Started, "yes"),
        (&format!("{ask}&pressed=1"), None, Delivery::Started, "yes"),
        (ask, Some("7"), Delivery::Started, "silent"),
        ("&step=later", None, Delivery::Started, "error"),
        ("&step=end&end=1", None, Delivery::Full, "completed"),
        ("&step=end", None, Delivery::Started, "completed"),
    ] {
        let call = listening(&stage).await;
        let keys: Vec<_> = keys.map(|keys| ("Digits", keys)).into_iter().collect();
        let message = message(&call, AUTH_TOKEN, &voice_url(&call, place), &keys);
        let told = applied(&stage, &queue, &call, &message).await;
        assert_eq!(told.delivery, Some(delivery), "{place} {keys:?}");
        let is_later = !["=end", "=start"].iter().any(|it| place.contains(it));
        assert_eq!(told.cut_off, is_later, "{place}");
        assert_eq!(result(told).as_deref(), Some(expected), "{place} {keys:?}");
    }
}

#[tokio::test]
async fn first_steps_count_as_unheard_only_if_twilio_could_not_fetch_them() {
    let (stage, queue) = fallback_scene().await;
    for (code, delivery, is_cut_off) in [
        ("11200", Delivery::None, false),
        ("13520", Delivery::Started, true),
        ("", Delivery::Started, true),
    ] {
        let call = listening(&stage).await;
        let url = voice_url(&call, "&step=start");
        let message = message_with_code(code, &call, AUTH_TOKEN, &url, &[]);
        let calls = stage.database().collection::<Document>("calls");
        let started = doc! { "$set": { "delivery": "started" } };
        calls
            .update_one(doc! { "_id": call.id }, started)
            .await
            .unwrap();
        let told = applied(&stage, &queue, &call, &message).await;
        assert_eq!(
            (told.delivery, told.cut_off),
            (Some(delivery), is_cut_off),
            "{code}"
        );
        assert_eq!(result(told).as_deref(), Some("error"), "{code}");
    }
}

#[tokio::test]
async fn opt_out_counts_although_voice_failed() {
    let (stage, queue) = fallback_scene().await;
    let call = listening(&stage).await;
    let place = "&step=confirm&try=1&tries=1&repeats=0&from=0&keys=12&opt_out=9";
    let url = voice_url(&call, place);
    let message = message(&call, AUTH_TOKEN, &url, &[("Digits", "9")]);
    let told = applied(&stage, &queue, &call, &message).await;
    assert!(told.opted_out && !told.cut_off);
    assert_eq!(stage.count("blocked_numbers").await, 1);
}

#[tokio::test]
async fn request_that_twilio_has_not_signed_changes_nothing() {
    let (stage, queue) = fallback_scene().await;
    let call = listening(&stage).await;
    let other = listening(&stage).await;
    let genuine = || message(&call, AUTH_TOKEN, &voice_url(&call, "&step=start"), &[]);
    let changed = |pointer: &str, value: Value| {
        let mut message = genuine();
        *message.pointer_mut(pointer).unwrap() = value;
        message
    };
    let query = json!(format!("call_id={}&lang=es-MX", call.call_id));
    for forged in [
        message(&call, "another token", &voice_url(&call, ""), &[]),
        changed("/unverified", Value::Null),
        changed("/unverified/signature", json!("AAAA")),
        changed("/unverified/query", query),
        changed("/form", json!(format!("CallSid={}", sid(&call)))),
        changed("/call_id", json!(other.call_id.to_string())),
        changed("/call_id", Value::Null),
    ] {
        assert_eq!(applied(&stage, &queue, &call, &forged).await, call);
        assert_eq!(read(&stage, &other).await, other);
    }
    let told = applied(&stage, &queue, &call, &genuine()).await;
    assert_eq!(
        told.delivery,
        Some(Delivery::None),
        "the genuine one counts"
    );
}

#[tokio::test]
async fn request_counts_only_at_the_configured_url() {
    let (stage, queue) = fallback_scene().await;
    for url in ["", "https://other.example.com/twilio/fallback"] {
        let stage = stage.clone().set("FALLBACK_URL", url);
        let call = stage.call(|_| ()).await;
        let message = message(&call, AUTH_TOKEN, &voice_url(&call, ""), &[]);
        assert_eq!(applied(&stage, &queue, &call, &message).await, call);
    }
}
