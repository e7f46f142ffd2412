//! Tests that nothing of a sensitive call's words and keys remains after its end.

use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::StepEvent,
    domain::{Answer, Call, CallStatus, Voicemail},
    http::read_value,
};
use serde_json::{Value, json};
use testkit::Stage;

use crate::support::{dao, end, find, handle_end, read, retry, sweep};

/// Parts of the call's words, keys and request that must be erased.
const SECRETS: [&str; 7] = [
    "493027", "4, 9, 3", "Zelda", "Gray", "8315", "5077", "a1b2c3",
];

/// Stores a sensitive call that Twilio has accepted.
async fn sensitive(stage: &Stage, change: impl FnOnce(&mut Call)) -> Call {
    let steps = json!([
        { "say": ["Hello Zelda.", { "spell": "493027" }, { "ssml": "<p>Zelda</p>", "voice": "Polly.Joanna" }] },
        { "id": "pin", "ask": "Zelda, your PIN?", "max_digits": 6, "no_input": { "say": "Bye, Zelda." } },
        { "id": "sure", "ask": "Sure?", "options": { "1": { "outcome": "confirmed", "say": "Zelda!" } } },
    ]);
    let voicemail = json!({ "action": "leave_message", "message": "Call Dr. Gray: 493027." });
    stage
        .call(|call| {
            call.steps = Some(read_value(steps).unwrap());
            call.script = Some("Hello Zelda. 4, 9, 3, 0, 2, 7".parse().unwrap());
            call.voicemail = Some(read_value::<Voicemail>(voicemail).unwrap());
            call.request_hash = Some("a1b2c3".to_owned());
            call.sensitive = true;
            call.words_open = true;
            change(call);
        })
        .await
}

fn answered(step: &str, nth: u32, digits: &str, option: Option<&str>) -> StepEvent {
    StepEvent::Answered {
        answer: Answer {
            step: step.parse().unwrap(),
            nth,
            digits: digits.to_owned(),
            option: option.map(str::to_owned),
            is_accepted: false,
            at: DateTime::now(),
        },
        ends_ask: false,
    }
}

async fn press(stage: &Stage, call: &Call, event: &StepEvent) {
    let sid = call.twilio_sid.clone().unwrap();
    let recording = dao(stage).record_step(call.call_id, &sid, event).await;
    recording.unwrap();
}

/// Sweeps as if the calls had ended a minute ago.
async fn sweep_later(stage: &Stage) {
    let calls = stage.database().collection::<Document>("calls");
    let ago = DateTime::from_millis(DateTime::now().timestamp_millis() - 60_000);
    let change = doc! { "$set": { "updated_at": ago } };
    calls.update_many(doc! {}, change).await.unwrap();
    sweep(stage).await;
}

/// All documents of all collections, as text.
async fn dump(stage: &Stage) -> String {
    let database = stage.database();
    let mut all = String::new();
    for name in database.list_collection_names().await.unwrap() {
        let documents = database
            .collection::<Document>(&name)
            .find(doc! {})
            .await
            .unwrap();
        let documents: Vec<Document> = documents.try_collect().await.unwrap();
        for document in documents {
            // Without ids and times, which may contain any digits.
            let mut value: Value = serde_json::to_value(&document).unwrap();
            without_ids(&mut value);
            all.push_str(&value.to_string());
        }
    }
    all
}

fn without_ids(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_id = |name: &str| {
                name.starts_with('$')
                    || name.ends_with("_at")
                    || name.ends_with("_id")
                    || name == "at"
            };
            fields.retain(|name, _| {
                !is_id(name) && !name.ends_with("_sid") && !name.ends_with("_number")
            });
            fields.values_mut().for_each(without_ids);
        }
        Value::Array(values) => values.iter_mut().for_each(without_ids),
        _ => {}
    }
}

fn remaining(dump: &str) -> Vec<&str> {
    let secrets = SECRETS.into_iter();
    secrets.filter(|secret| dump.contains(secret)).collect()
}

#[tokio::test]
async fn nothing_of_the_words_and_keys_remains_after_the_end() {
    let stage = Stage::new().await;
    let call = sensitive(&stage, |_| ()).await;
    press(&stage, &call, &answered("pin", 1, "8315", None)).await;
    press(&stage, &call, &answered("sure", 1, "5077", None)).await;
    press(&stage, &call, &answered("sure", 2, "1", Some("1"))).await;
    assert_eq!(remaining(&dump(&stage).await), SECRETS);
    sweep_later(&stage).await;
    assert_eq!(remaining(&dump(&stage).await), SECRETS, "the call goes on");
    let update = crate::support::callback(&call, CallStatus::Completed, 3);
    crate::support::tell(&stage, &call, &update).await;
    handle_end(&stage, &call).await;
    let before = read(&stage, &call).await;
    sweep_later(&stage).await;
    assert_eq!(remaining(&dump(&stage).await), [""; 0]);
    let after = read(&stage, &call).await;
    assert_eq!(after.result(), Some("confirmed"));
    assert_eq!(after.result(), before.result());
    assert!(after.is_wordless() && !after.words_open);
    let options: Vec<_> = after
        .answers
        .iter()
        .map(|it| it.option.as_deref())
        .collect();
    assert_eq!(options, [None, None, Some("1")]);
    let steps = after.steps.as_ref().unwrap();
    assert_eq!(steps.iter().count(), 3, "what follows an answer stays");
    let erased_at = after.words_erased_at;
    sweep_later(&stage).await;
    assert_eq!(read(&stage, &call).await.words_erased_at, erased_at, "once");
}

#[tokio::test]
async fn keys_that_come_after_the_erasure_are_erased_too() {
    let stage = Stage::new().await;
    let call = sensitive(&stage, |_| ()).await;
    let update = crate::support::callback(&call, CallStatus::Completed, 3);
    crate::support::tell(&stage, &call, &update).await;
    handle_end(&stage, &call).await;
    sweep_later(&stage).await;
    assert_eq!(read(&stage, &call).await.result(), Some("hung_up"));
    press(&stage, &call, &answered("pin", 1, "8315", None)).await;
    press(&stage, &call, &answered("sure", 1, "1", Some("1"))).await;
    assert_eq!(remaining(&dump(&stage).await), ["8315"]);
    handle_end(&stage, &call).await;
    sweep_later(&stage).await;
    assert_eq!(remaining(&dump(&stage).await), [""; 0]);
    let after = read(&stage, &call).await;
    assert_eq!(after.result(), Some("confirmed"));
    assert!(after.answers[0].is_accepted);
}

#[tokio::test]
async fn words_stay_until_the_next_attempt_has_them() {
    let stage = Stage::new().await;
    let call = sensitive(&stage, |call| {
        call.effects_open = true;
        call.retry = Some(retry());
    })
    .await;
    end(&stage, &call, CallStatus::Busy).await;
    let ended = dao(&stage);
    let now = DateTime::now().saturating_add_duration(std::time::Duration::from_mins(1));
    let page = ended.list_ended_words(now, None, 9).await.unwrap();
    assert!(
        !ended.erase_words(&page.calls[0]).await.unwrap(),
        "its next attempt is not decided"
    );
    handle_end(&stage, &call).await;
    sweep_later(&stage).await;
    let first = read(&stage, &call).await;
    assert!(first.is_wordless());
    let next = find(&stage, first.next_call_id.unwrap()).await.unwrap();
    assert!(next.sensitive && next.words_open && !next.is_wordless());
    assert_eq!(next.steps, call.steps);
    let canceled = dao(&stage).cancel_call(next.call_id).await;
    canceled.unwrap();
    sweep_later(&stage).await;
    assert_eq!(
        remaining(&dump(&stage).await),
        [""; 0],
        "also of an attempt that never began"
    );
}

#[tokio::test]
async fn other_calls_keep_their_words() {
    let stage = Stage::new().await;
    let call = sensitive(&stage, |call| {
        call.sensitive = false;
        call.words_open = false;
    })
    .await;
    press(&stage, &call, &answered("pin", 1, "8315", None)).await;
    let update = crate::support::callback(&call, CallStatus::Completed, 3);
    crate::support::tell(&stage, &call, &update).await;
    handle_end(&stage, &call).await;
    sweep_later(&stage).await;
    let after = read(&stage, &call).await;
    assert_eq!(after.steps, call.steps);
    assert_eq!(after.answers[0].digits, "8315");
    assert!(!after.words_open);
}
