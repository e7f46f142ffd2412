//! Tests how a person asks for no further calls.

use mongodb::bson::{Document, doc};
use serde_json::json;
use testkit::{Proxy, Queue, Stage};

use crate::{
    step_outage::{followed, replayed},
    steps::{Scene, confirm, said, scene},
    support::{router, twiml},
};

const NOTICES: &str = r#"{
    "en": {"identity": "This is Example.", "opt_out": "Press 9 for no further calls.", "recording": "Recorded.", "moment": "One moment."},
    "es": {"identity": "Ejemplo."}
}"#;
/// A place at which 1 and 2 are options, of which 2 blocks, and 9 is the opt-out key.
const ASK: &str = "step=confirm&try=1&tries=2&repeats=0&from=0&keys=12&blocks=2&opt_out=9";

async fn stage() -> Stage {
    let stage = Stage::new().await.set("NOTICES", NOTICES);
    stage.set("OPT_OUT_KEY", "9")
}

async fn blocked(scene: &Scene) -> Vec<String> {
    let numbers = scene
        .stage
        .database()
        .collection::<Document>("blocked_numbers");
    let mut found = numbers.find(doc! {}).await.unwrap();
    let mut blocked = Vec::new();
    while found.advance().await.unwrap() {
        let entry: Document = found.deserialize_current().unwrap();
        blocked.push(entry.get_str("number").unwrap().to_owned());
    }
    blocked
}

#[tokio::test]
async fn first_gather_begins_with_identity_opt_out_and_recording() {
    let stage = stage().await;
    for place in ["step=start", "fallback=1"] {
        let mut scene = scene(&stage, confirm()).await;
        let steps = scene.call.steps.clone();
        scene.call = stage
            .call(|call| {
                call.steps = steps;
                call.recording_enabled = true;
            })
            .await;
        let document = twiml(&scene.answer(place, None).await);
        assert!(document.starts_with("<Gather "), "{document}");
        assert_eq!(
            said(&document),
            [
                "This is Example.",
                "Press 9 for no further calls.",
                "Recorded.",
                "Hello.",
                "Press 1."
            ]
        );
        assert_eq!(document.matches("opt_out=9").count(), 2, "{document}");
    }
}

#[tokio::test]
async fn identity_is_said_without_an_opt_out_key_too() {
    let stage = Stage::new().await.set("NOTICES", NOTICES);
    let scene = scene(&stage, confirm()).await;
    let document = twiml(&scene.answer("step=start", None).await);
    assert_eq!(said(&document), ["This is Example.", "Hello.", "Press 1."]);
    assert!(!document.contains("opt_out"), "{document}");
}

#[tokio::test]
async fn opt_out_blocks_the_number_before_it_hangs_up() {
    let stage = stage().await;
    for keys in ["9", "2"] {
        let scene = scene(&stage, confirm()).await;
        let number = scene.call.to_number.as_str();
        stage
            .database()
            .collection::<Document>("blocked_numbers")
            .delete_many(doc! {})
            .await
            .unwrap();
        for _ in 0..2 {
            let document = twiml(&scene.answer(ASK, Some(keys)).await);
            assert_eq!(document, "<Hangup></Hangup>");
            assert_eq!(blocked(&scene).await, [number]);
        }
        let stored = scene.stored().await;
        assert!(stored.get_bool("opted_out").unwrap());
        let effects = stored.get_array("effects").unwrap();
        assert_eq!(effects.len(), 1, "{effects:?}");
        // Nothing is said after that.
        let later = twiml(&scene.answer(ASK, Some("1")).await);
        assert_eq!(later, "<Hangup></Hangup>");
    }
}

#[tokio::test]
async fn opt_out_key_counts_alone_at_an_ask_for_digits() {
    let stage = stage().await;
    let steps = json!([{ "id": "confirm", "ask": "Code?", "max_digits": 3 }, { "say": "Bye." }]);
    let place = "step=confirm&try=1&tries=3&repeats=0&from=0&opt_out=9";
    let code = scene(&stage, steps.clone()).await;
    assert_eq!(code.says(place, Some("91")).await, ["Bye."]);
    assert!(blocked(&code).await.is_empty());
    let alone = scene(&stage, steps).await;
    let document = twiml(&alone.answer(place, Some("9")).await);
    assert_eq!(document, "<Hangup></Hangup>");
    assert_eq!(blocked(&alone).await.len(), 1);
}

#[tokio::test]
async fn words_without_a_question_take_the_opt_out_key_and_repeat_at_others() {
    let stage = stage().await;
    let scene = scene(&stage, json!([{ "say": "Hello." }, { "say": "Bye." }])).await;
    let document = twiml(&scene.answer("step=start", None).await).replace("&amp;", "&");
    assert!(document.starts_with("<Gather "), "{document}");
    assert!(
        document.contains("&step=_said&repeats=0&from=0#"),
        "{document}"
    );
    assert!(document.contains("&step=end&end=1#"), "{document}");
    for repeats in 0..4 {
        let place = format!("opt_out=9&step=_said&repeats={repeats}&from=0");
        let again = twiml(&scene.answer(&place, Some("5")).await).replace("&amp;", "&");
        assert_eq!(said(&again), ["Hello.", "Bye."]);
        assert!(again.contains("&step=end#"), "no proof: {again}");
    }
    let last = "opt_out=9&step=_said&repeats=4&from=0";
    assert_eq!(
        twiml(&scene.answer(last, Some("5")).await),
        "<Hangup></Hangup>"
    );
    assert!(blocked(&scene).await.is_empty());
    assert_eq!(
        twiml(&scene.answer(last, Some("9")).await),
        "<Hangup></Hangup>"
    );
    assert_eq!(blocked(&scene).await.len(), 1);
}

#[tokio::test]
async fn key_that_is_an_option_of_an_older_call_does_not_opt_out() {
    let stage = stage().await.set("OPT_OUT_KEY", "1");
    let scene = scene(&stage, confirm()).await;
    let document = twiml(&scene.answer("step=start", None).await);
    assert_eq!(said(&document), ["This is Example.", "Hello.", "Press 1."]);
    assert!(!document.contains("opt_out"), "{document}");
}

#[tokio::test]
async fn opt_out_in_an_outage_goes_into_the_queue() {
    let queue = Queue::new().await;
    let (stage, line) = stage().await.spilling_into(&queue).behind_proxy().await;
    let scene = scene(&stage, confirm()).await;
    let router = router(&stage);
    Proxy::cut(&line);
    let (spoken, last) = followed(&scene, &router, ASK, Some("9")).await;
    assert_eq!(spoken, ["One moment."; 3]);
    assert_eq!(last, "<Hangup></Hangup>");
    line.restore();
    let (call, result) = replayed(&scene, &queue).await;
    assert_eq!(result.as_deref(), Some("opted_out"));
    assert!(call.opted_out && !call.cut_off);
    assert_eq!(blocked(&scene).await, [call.to_number.as_str()]);
}
