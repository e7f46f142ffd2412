//! Tests calls with steps while the database is unavailable.

use std::time::{Duration, Instant};

use axum::Router;
use mongodb::bson::DateTime;
use outdial::{
    dao::Dao,
    domain::{Call, CallStatus},
    webhook::{QueuedWebhook, WebhookApplier, WebhookEvent},
};
use serde_json::{Value, json};
use testkit::{BASE_URL, Proxy, Queue, Stage};

use crate::{
    steps::{FIRST, LAST, Scene, confirm, said, scene},
    support::{router, twiml},
};

const NOTICES: &str =
    r#"{"es": {"moment": "Un momento.", "thanks": "Gracias.", "apology": "Perdón."}}"#;
/// Twilio cancels a request in steps after 4 s.
const TWILIO_TIMEOUT: Duration = Duration::from_secs(4);

/// A call whose database can be cut off, and the queue.
async fn cut_scene(steps: Value) -> (Scene, Proxy, Queue) {
    let queue = Queue::new().await;
    let stage = Stage::new().await.set("NOTICES", NOTICES);
    let (stage, line) = stage.spilling_into(&queue).behind_proxy().await;
    (scene(&stage, steps).await, line, queue)
}

/// Sends the request, and follows the redirects. Returns what is said, and the last document.
pub async fn followed(
    scene: &Scene,
    router: &Router,
    place: &str,
    digits: Option<&str>,
) -> (Vec<String>, String) {
    let (mut place, mut digits, mut spoken) = (place.to_owned(), digits, Vec::new());
    loop {
        let begun = Instant::now();
        let answer = scene.request(&place, digits).send(router).await;
        assert!(begun.elapsed() < TWILIO_TIMEOUT, "{:?}", begun.elapsed());
        let document = twiml(&answer).replace("&amp;", "&");
        spoken.extend(said(&document));
        let Some((_, url)) = document.split_once(BASE_URL) else {
            return (spoken, document);
        };
        let (path, overrides) = url.split_once('#').unwrap();
        assert!(overrides.starts_with("rc=1&ct=1500&rt=4000&tt=9000<"));
        let (_, query) = path.split_once(&scene.call.call_id.to_string()).unwrap();
        query[1..].clone_into(&mut place);
        digits = None;
    }
}

/// Applies the messages in the queue, each twice. Returns the call, and its result as if it had ended.
pub async fn replayed(scene: &Scene, queue: &Queue) -> (Call, Option<String>) {
    applied(scene, queue.messages().await).await
}

async fn applied(scene: &Scene, messages: Vec<Value>) -> (Call, Option<String>) {
    let dao = Dao::from_settings(&scene.stage.settings()).unwrap();
    let applier = WebhookApplier::new(dao.clone(), None);
    for message in messages {
        let message: QueuedWebhook = serde_json::from_value(message).unwrap();
        let (form, at) = (message.form.as_bytes(), message.received_at());
        let event = WebhookEvent::parse(message.topic, form, None, at).unwrap();
        for _ in 0..2 {
            applier.apply(message.call_id, &event).await.unwrap();
        }
    }
    let mut call = dao.get_call(scene.call.call_id).await.unwrap().unwrap();
    call.status = CallStatus::Completed;
    let result = call.result().map(str::to_owned);
    (call, result)
}

#[tokio::test]
async fn answer_goes_into_the_queue_before_it_is_acknowledged() {
    let (scene, line, queue) = cut_scene(confirm()).await;
    let router = router(&scene.stage);
    line.cut();
    let begun = DateTime::now();
    let place = format!("{FIRST}&keys=1&lang=es-MX");
    let (spoken, last) = followed(&scene, &router, &place, Some("1")).await;
    assert_eq!(
        spoken,
        ["Un momento.", "Un momento.", "Un momento.", "Gracias."]
    );
    assert!(last.ends_with("</Say><Hangup></Hangup>"), "{last}");
    let messages = queue.messages().await;
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!(messages[0]["topic"], "step");
    line.restore();
    let (call, result) = applied(&scene, messages).await;
    assert_eq!(result.as_deref(), Some("yes"));
    assert_eq!(call.answers.len(), 1);
    assert!(call.answers[0].at >= begun && call.answers[0].at <= DateTime::now());
    assert_eq!(call.answers[0].option.as_deref(), Some("1"));
}

#[tokio::test]
async fn answer_of_a_person_who_hangs_up_while_they_wait_is_in_the_queue() {
    let (scene, line, queue) = cut_scene(confirm()).await;
    let router = router(&scene.stage);
    line.cut();
    let place = format!("{FIRST}&keys=1&opt_out=9&lang=es");
    let again = format!("{place}&pressed=1&retry=1");
    for (place, keys, queued) in [
        (&place, Some("7"), 0),
        (&place, Some("1"), 1),
        (&again, None, 1),
    ] {
        let answer = scene.request(place, keys).send(&router).await;
        assert_eq!(said(&twiml(&answer)), ["Un momento."]);
        assert_eq!(queue.messages().await.len(), queued, "{place} {keys:?}");
    }
    line.restore();
    let (call, result) = replayed(&scene, &queue).await;
    assert_eq!(result.as_deref(), Some("yes"));
    assert!(!call.cut_off && call.delivery == Some(outdial::domain::Delivery::Started));
    line.cut();
    scene.request(&place, Some("9")).send(&router).await;
    line.restore();
    let (_, result) = replayed(&scene, &queue).await;
    assert_eq!(result.as_deref(), Some("opted_out"));
}

#[tokio::test]
async fn request_without_an_answer_ends_with_the_apology() {
    let steps = json!([
        { "id": "confirm", "ask": "Press 1.", "tries": 2, "options": { "1": {} }, "no_input": { "outcome": "silent" } },
        { "say": "Bye." },
    ]);
    for (place, digits, result) in [
        (FIRST, None, "error"),
        (FIRST, Some("7"), "error"),
        (FIRST, Some("*"), "error"),
        (LAST, None, "silent"),
        (LAST, Some("7"), "silent"),
    ] {
        let (scene, line, queue) = cut_scene(steps.clone()).await;
        let router = router(&scene.stage);
        let start = scene.request("step=start", None).send(&router).await;
        assert_eq!(said(&twiml(&start)), ["Press 1."]);
        line.cut();
        let place = format!("{place}&keys=1&lang=es");
        let (spoken, last) = followed(&scene, &router, &place, digits).await;
        assert_eq!(spoken.last().map(String::as_str), Some("Perdón."));
        assert!(last.ends_with("</Say><Hangup></Hangup>"), "{last}");
        line.restore();
        let (call, stored) = replayed(&scene, &queue).await;
        assert_eq!(stored.as_deref(), Some(result), "{place} {digits:?}");
        assert!(call.cut_off);
        assert_eq!(call.delivery, Some(outdial::domain::Delivery::Started));
    }
}

#[tokio::test]
async fn apology_after_the_first_words_is_no_missed_delivery_even_if_their_start_was_not_stored() {
    let (scene, line, queue) = cut_scene(confirm()).await;
    let router = router(&scene.stage);
    line.cut();
    let (spoken, _) = followed(&scene, &router, &format!("{FIRST}&lang=es"), None).await;
    assert_eq!(spoken.last().map(String::as_str), Some("Perdón."));
    line.restore();
    let (call, result) = replayed(&scene, &queue).await;
    assert_eq!(call.delivery, Some(outdial::domain::Delivery::Started));
    assert_eq!(result.as_deref(), Some("error"));
}

#[tokio::test]
async fn answer_to_the_last_ask_completes_the_steps_even_if_an_outage_ends_them() {
    let ask = |id: &str| json!({ "id": id, "ask": "Code?", "max_digits": 2 });
    for (steps, result) in [
        (json!([ask("confirm")]), "completed"),
        (json!([ask("confirm"), { "say": "Bye." }]), "error"),
    ] {
        let (scene, line, queue) = cut_scene(steps).await;
        let router = router(&scene.stage);
        line.cut();
        let (spoken, _) = followed(&scene, &router, &format!("{FIRST}&lang=es"), Some("12")).await;
        assert_eq!(spoken.last().map(String::as_str), Some("Gracias."));
        line.restore();
        let (call, stored) = replayed(&scene, &queue).await;
        assert_eq!(stored.as_deref(), Some(result));
        assert_eq!(call.answers[0].digits, "12");
    }
}

#[tokio::test]
async fn start_without_the_database_is_not_a_delivery() {
    let (scene, line, queue) = cut_scene(confirm()).await;
    let router = router(&scene.stage);
    line.cut();
    let (spoken, _) = followed(&scene, &router, "step=start&lang=es", None).await;
    assert_eq!(
        spoken,
        ["Un momento.", "Un momento.", "Un momento.", "Perdón."]
    );
    line.restore();
    let (call, result) = replayed(&scene, &queue).await;
    assert_eq!(call.delivery, Some(outdial::domain::Delivery::None));
    assert_eq!(result.as_deref(), Some("error"));
}

#[tokio::test]
async fn without_database_and_queue_the_answer_is_not_acknowledged() {
    let stage = Stage::new().await.set("NOTICES", NOTICES);
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    for queue in ["", &format!("http://{address}/123456789012/webhooks")] {
        let stage = stage.clone().set("WEBHOOK_QUEUE_URL", queue);
        let (stage, line) = stage.behind_proxy().await;
        let scene = scene(&stage, confirm()).await;
        let router = router(&stage);
        line.stall();
        let place = format!("{FIRST}&keys=1&lang=es&retry=3&pressed=1");
        let (spoken, _) = followed(&scene, &router, &place, None).await;
        assert_eq!(spoken, ["Perdón."]);
    }
}

#[tokio::test]
async fn end_hangs_up_in_an_outage_and_is_stored_later() {
    for (place, delivery) in [("step=end", "started"), ("step=end&end=1", "full")] {
        let (scene, line, queue) = cut_scene(confirm()).await;
        let router = router(&scene.stage);
        line.cut();
        let (spoken, last) = followed(&scene, &router, place, None).await;
        assert!(spoken.is_empty());
        assert_eq!(last, "<Hangup></Hangup>");
        line.restore();
        let (call, result) = replayed(&scene, &queue).await;
        assert_eq!(
            call.delivery.map(outdial::domain::Delivery::as_str),
            Some(delivery)
        );
        assert_eq!(result.as_deref(), Some("completed"));
        assert!(!call.cut_off);
    }
}

#[tokio::test]
async fn end_of_an_unknown_call_hangs_up() {
    let stage = Stage::new().await;
    let scene = scene(&stage, confirm()).await;
    let path = "/twilio/voice?call_id=6ba7b810-9dad-11d1-80b4-00c04fd430c8&step=end";
    let request = crate::support::signed(path, testkit::new_sid().as_str());
    let answer = request.send(&router(&scene.stage)).await;
    assert_eq!(twiml(&answer), "<Hangup></Hangup>");
}

#[tokio::test]
async fn keys_survive_the_redirects_of_an_outage() {
    let queue = Queue::new().await;
    let stage = Stage::new().await.spilling_into(&queue);
    let (stage, line) = stage.behind_proxy().await;
    let scene = scene(&stage, confirm()).await;
    let router = router(&stage);
    Proxy::cut(&line);
    let keys = format!("{FIRST}&keys=1");
    let answer = scene.request(&keys, Some("1")).send(&router).await;
    let document = twiml(&answer).replace("&amp;", "&");
    let (_, url) = document.split_once(BASE_URL).unwrap();
    let (path, _) = url.split_once('#').unwrap();
    assert!(path.ends_with("&retry=1&pressed=1"), "{path}");
    line.restore();
    let (_, place) = path.split_once(&scene.call.call_id.to_string()).unwrap();
    assert_eq!(scene.says(&place[1..], None).await, ["Thanks.", "Bye."]);
    replayed(&scene, &queue).await;
    assert_eq!(scene.digits().await, ["1"]);
}
