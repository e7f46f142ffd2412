//! Slow and failed admissions: the effects on the call, the key and the caps.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use serde_json::json;
use testkit::{Answer, Proxy};
use tokio::time::sleep;

use crate::support::{Api, counts, eventually, router, text, with_key, with_line};

/// Bytes that identify this command.
const INSERT: &str = "script";
const COUNT: &str = "calls:20";
const BEGIN: &str = "dial_begun_at";
/// The first bytes of a connection, of the driver or of its monitor.
const GREETINGS: [&str; 2] = ["hello", "isMaster"];

async fn change_calls(api: &Api, change: Document) {
    let calls = api.stage.database().collection::<Document>("calls");
    calls.update_many(doc! {}, change).await.unwrap();
}

async fn the_call(api: &Api) -> Document {
    assert_eq!(api.stage.count("calls").await, 1);
    let calls = api.stage.database().collection("calls");
    calls.find_one(doc! {}).await.unwrap().unwrap()
}

async fn assert_placed_anew(api: &Api, key: &str) -> Answer {
    let answer = api.post_with_key(key, &api.body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("idempotent-replayed"), "");
    assert_eq!(
        the_call(api).await.get_str("call_id").unwrap(),
        answer.json()["call_id"]
    );
    assert_eq!(api.twilio.dials().await.len(), 1);
    api.assert_counted(1).await;
    answer
}

/// Leaves a stored and counted call with the key `k`, whose request got no response from the database and could not undo it.
async fn left_behind() -> (Api, Proxy) {
    let (api, line) = with_line().await;
    // Opens both connections.
    tokio::join!(api.get("/calls"), api.get("/calls"));
    line.lose_answers_to(&[INSERT, COUNT, GREETINGS[0], GREETINGS[1]]);
    let begun = Instant::now();
    let answer = api.post_with_key("k", &api.body()).await;
    answer.assert_problem(503, "unavailable");
    assert!(begun.elapsed() < Duration::from_secs(5));
    line.restore();
    let stored = the_call(&api).await;
    assert_eq!(stored.get_bool("announces_dial").ok(), Some(true));
    assert!(!stored.contains_key("dial_begun_at"));
    api.assert_counted(1).await;
    (api, line)
}

#[tokio::test]
async fn admission_acknowledged_too_late_is_undone() {
    let cases: [&'static [&'static str]; 4] = [&[INSERT], &[COUNT], &[INSERT, COUNT], &[BEGIN]];
    join_all(cases.map(async |words| {
        let (api, line) = with_line().await;
        line.lose_answers_to(words);
        let begun = Instant::now();
        let answer = api.post_with_key("k", &api.body()).await;
        answer.assert_problem(503, "unavailable");
        assert!(begun.elapsed() < Duration::from_secs(5), "{words:?}");
        line.restore();
        eventually("the call and its counts are gone", async || {
            let counts = counts(&api.stage).await;
            let is_undone = counts == [0, 0, 0] && api.stage.count("calls").await == 0;
            is_undone.then_some(())
        })
        .await;
        assert_eq!(api.twilio.dials().await.len(), 0, "{words:?}");
        assert_placed_anew(&api, "k").await;
    }))
    .await;
}

#[tokio::test]
async fn call_without_a_key_is_undone_too() {
    let (api, line) = with_line().await;
    line.lose_answers_to(&[INSERT, COUNT]);
    let answer = api.post(&api.body()).await;
    answer.assert_problem(503, "unavailable");
    line.restore();
    eventually("the call and its counts are gone", async || {
        let is_undone =
            counts(&api.stage).await == [0, 0, 0] && api.stage.count("calls").await == 0;
        is_undone.then_some(())
    })
    .await;
    assert_eq!(api.twilio.dials().await.len(), 0);
}

#[tokio::test]
async fn repeat_places_a_stored_call_that_was_never_dialled() {
    let (api, _line) = left_behind().await;
    let answer = assert_placed_anew(&api, "k").await;
    let repeat = api.post_with_key("k", &api.body()).await;
    assert_eq!(repeat.header("idempotent-replayed"), "true");
    assert_eq!(repeat.json(), answer.json());
}

#[tokio::test]
async fn concurrent_repeats_dial_an_abandoned_call_once() {
    let (api, _line) = left_behind().await;
    let routers: Vec<_> = (0..4).map(|_| router(&api.stage)).collect();
    let request = with_key("k", &api.body());
    let answers = join_all((0..16).map(|number| request.send(&routers[number % 4]))).await;
    api.assert_placed_once(&answers).await;
}

#[tokio::test]
async fn current_rules_apply_to_an_abandoned_call() {
    let (api, _line) = left_behind().await;
    let mut other = api.body();
    other["script"] = json!("Another.");
    api.post_with_key("k", &other)
        .await
        .assert_problem(422, "idempotency_key_reused");
    let stricter = router(&api.stage.clone().set("ALLOWED_COUNTRIES", "DE"));
    let answer = with_key("k", &api.body()).send(&stricter).await;
    answer.assert_problem(422, "country_not_allowed");
    api.assert_untouched().await;
    api.assert_counted(0).await;
    assert_placed_anew(&api, "k").await;
}

#[tokio::test]
async fn hang_up_of_an_abandoned_call_prevents_the_dial() {
    let (api, _line) = left_behind().await;
    let id = text(&json!(the_call(&api).await.get_str("call_id").unwrap()));
    assert_eq!(api.hang_up(&id).await.status, 202);
    let repeat = api.post_with_key("k", &api.body()).await;
    assert_eq!(repeat.status, 202, "{}", repeat.text());
    assert_eq!(repeat.json()["dial_outcome"], "unknown");
    assert_eq!(api.twilio.dials().await.len(), 0);
}

/// A version that did not store `dial_begun_at` may be dialling.
#[tokio::test]
async fn repeat_never_dials_a_call_of_an_older_version() {
    let api = Api::new().await;
    assert_eq!(api.post_with_key("k", &api.body()).await.status, 201);
    let pending = doc! {
        "$set": { "dial_outcome": "pending" },
        "$unset": { "twilio_sid": "", "answered_status": "", "announces_dial": "", "dial_begun_at": "" },
    };
    change_calls(&api, pending).await;
    let repeat = api.post_with_key("k", &api.body()).await;
    repeat.assert_problem(409, "request_in_progress");
    change_calls(
        &api,
        doc! { "$set": { "dial_deadline": DateTime::from_millis(0) } },
    )
    .await;
    let repeat = api.post_with_key("k", &api.body()).await;
    assert_eq!(repeat.status, 202, "{}", repeat.text());
    assert_eq!(repeat.json()["dial_outcome"], "unknown");
    assert_eq!(api.twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn request_overtaken_by_its_repeat_does_not_dial() {
    let name = "slow-original";
    let api = Api::new().await;
    let uri = api.stage.variable("MONGO_URI").unwrap();
    let separator = if uri.contains('?') { '&' } else { '?' };
    let slow = api
        .stage
        .clone()
        .set("MONGO_URI", &format!("{uri}{separator}appName={name}"));
    let slow = router(&slow);
    let admin = api.stage.database().client().database("admin");
    // The count of the call, and its `dial_begun_at`.
    let wait = doc! {
        "configureFailPoint": "failCommand",
        "mode": { "times": 2 },
        "data": { "failCommands": ["update"], "appName": name, "blockConnection": true, "blockTimeMS": 1_500 },
    };
    admin.run_command(wait).await.unwrap();
    let request = with_key("k", &api.body());
    let repeating = async {
        eventually("the call is counted", async || {
            (counts(&api.stage).await == [1, 1, 1]).then_some(())
        })
        .await;
        change_calls(
            &api,
            doc! { "$set": { "dial_deadline": DateTime::from_millis(0) } },
        )
        .await;
        assert_placed_anew(&api, "k").await
    };
    let (original, repeat) = tokio::join!(request.send(&slow), repeating);
    assert_eq!(original.status, 201, "{}", original.text());
    assert_eq!(original.header("idempotent-replayed"), "true");
    assert_eq!(original.json()["call_id"], repeat.json()["call_id"]);
    assert_eq!(api.twilio.dials().await.len(), 1);
    api.assert_counted(1).await;
}

/// A pause between the faults of the next test.
const MOMENT: Duration = Duration::from_millis(10);

/// Clients repeat one request while the connection to the database loses responses and breaks, as a seed determines.
#[tokio::test]
async fn one_key_dials_once_on_a_lossy_connection() {
    let faults: [&'static [&'static str]; 6] = [
        &[INSERT],
        &[COUNT],
        &[BEGIN],
        &[INSERT, COUNT],
        &["delete"],
        &[],
    ];
    join_all((0..6_usize).map(async |seed| {
        let (api, line) = with_line().await;
        let routers: Vec<_> = (0..3).map(|_| router(&api.stage)).collect();
        let request = with_key("k", &api.body());
        let settled = AtomicUsize::new(0);
        let client = async |number: usize| {
            sleep(MOMENT * u32::try_from(number * (seed * 7 + 3) % 15).unwrap()).await;
            let router = &routers[number % 3];
            let answer = eventually("an answer", async || {
                let answer = request.send(router).await;
                let is_final = matches!(answer.status.as_u16(), 201 | 202);
                assert!(is_final || matches!(answer.status.as_u16(), 409 | 503));
                is_final.then_some(answer)
            })
            .await;
            settled.fetch_add(1, Ordering::Relaxed);
            text(&answer.json()["call_id"])
        };
        let breaking = async {
            for (round, words) in (1_u32..).zip(faults.iter().cycle().skip(seed)) {
                if settled.load(Ordering::Relaxed) == 6 {
                    break;
                }
                match words {
                    [] => line.cut(),
                    words => line.lose_answers_to(words),
                }
                sleep(MOMENT * (4 + round % 7)).await;
                line.restore();
                sleep(MOMENT * 6 * round).await;
            }
        };
        let (mut ids, ()) = tokio::join!(join_all((0..6).map(client)), breaking);
        ids.dedup();
        assert_eq!(ids.len(), 1, "seed {seed}: {ids:?}");
        assert_eq!(api.twilio.calls().await.len(), 1, "seed {seed}");
        assert_eq!(the_call(&api).await.get_str("call_id").unwrap(), ids[0]);
        let counts = counts(&api.stage).await;
        assert!(
            counts.iter().all(|&count| count >= 1),
            "seed {seed}: {counts:?}"
        );
    }))
    .await;
}
