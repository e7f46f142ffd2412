//! Tests how batches end: canceled in pages, or completed.

use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::{LookRequest, Reservation},
    domain::BatchId,
};
use serde_json::json;

use crate::support::Api;

fn id_of(id: &str) -> BatchId {
    id.parse().unwrap()
}

#[tokio::test]
async fn canceled_batch_cancels_the_calls_that_wait() {
    let api = Api::new().await;
    let id = api.filled(3).await;
    api.change(&id, "start").await;
    let ringing = api.calls().await.remove(0);
    let this = doc! { "_id": ringing.get("_id") };
    let ring = doc! { "status": "ringing", "status_rank": 1, "dial_outcome": "accepted" };
    api.set("calls", this.clone(), ring).await;
    api.nobody_adds(&id).await;
    let answer = api.change(&id, "cancel").await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(answer.json()["status"], "canceled");
    for call in api.calls().await {
        if call.get("_id") == ringing.get("_id") {
            assert_eq!(call.get_str("status").unwrap(), "ringing");
            continue;
        }
        assert_eq!(call.get_str("status").unwrap(), "canceled");
        assert_eq!(call.get_str("status_reason").unwrap(), "batch_canceled");
        assert_eq!(call.get_array("events").unwrap().len(), 1);
        assert!(!call.contains_key("waiting_for"));
    }
    let again = api.change(&id, "cancel").await;
    assert_eq!(
        (again.status.as_u16(), again.json()),
        (202, {
            let mut batch = api.read(&id).await;
            batch.as_object_mut().unwrap().remove("progress");
            batch
        })
    );
}

#[tokio::test]
async fn batch_stays_canceling_while_a_request_may_add_recipients() {
    let api = Api::new().await;
    let id = api.filled(2).await;
    let late = api.calls().await.remove(0);
    let calls = api.stage.database().collection::<Document>("calls");
    let this = doc! { "_id": late.get("_id") };
    calls.delete_one(this).await.unwrap();
    api.somebody_adds(&id).await;
    let answer = api.change(&id, "cancel").await;
    assert_eq!(answer.json()["status"], "canceling");
    let dao = api.dao();
    assert!(!dao.finish_canceling(id_of(&id)).await.unwrap());
    // A request that reserved its places before the batch was canceled stores its calls late.
    calls.insert_one(late).await.unwrap();
    api.nobody_adds(&id).await;
    assert!(!dao.finish_canceling(id_of(&id)).await.unwrap());
    assert!(!dao.cancel_batch_page(id_of(&id)).await.unwrap());
    assert!(dao.finish_canceling(id_of(&id)).await.unwrap());
    assert_eq!(api.read(&id).await["status"], "canceled");
    assert!(!dao.finish_canceling(id_of(&id)).await.unwrap());
}

#[tokio::test]
async fn batch_of_more_than_one_page_is_canceled_as_a_whole() {
    let api = Api::new().await;
    let id = api.filled(520).await;
    let answer = api.change(&id, "cancel").await;
    assert_eq!(answer.status, 202);
    let dao = api.dao();
    while dao.cancel_batch_page(id_of(&id)).await.unwrap() {}
    let progress = &api.read(&id).await["progress"];
    assert_eq!(progress["by_status"]["canceled"], 520, "{progress}");
}

#[tokio::test]
async fn batch_is_completed_when_no_call_waits_or_goes_on() {
    let api = Api::new().await;
    let id = api.filled(2).await;
    let dao = api.dao();
    let complete = async || dao.complete_batch_if_done(id_of(&id)).await.unwrap();
    let all = doc! { "status": "completed", "status_rank": 4 };
    api.set("calls", doc! {}, all).await;
    api.nobody_adds(&id).await;
    assert!(!complete().await, "it is a draft");
    api.set("batches", doc! { "_id": &id }, doc! { "status": "running" })
        .await;
    let first = api.calls().await.remove(0);
    let first = doc! { "_id": first.get("_id") };
    for status in ["scheduled", "initiated", "queued", "ringing", "in-progress"] {
        api.set("calls", first.clone(), doc! { "status": status })
            .await;
        assert!(!complete().await, "{status}");
    }
    // Its next attempt may follow.
    let effect =
        doc! { "n": 1_i64, "type": "next_attempt", "at": DateTime::now(), "status": "busy" };
    let busy = doc! { "status": "busy", "effects_open": true, "effects": [effect] };
    api.set("calls", first.clone(), busy).await;
    assert!(!complete().await);
    api.set("calls", first, doc! { "effects": [] }).await;
    api.somebody_adds(&id).await;
    assert!(!complete().await, "a request adds recipients");
    api.nobody_adds(&id).await;
    assert!(complete().await);
    assert_eq!(api.read(&id).await["status"], "completed");
    assert!(!complete().await);
}

#[tokio::test]
async fn reading_a_batch_completes_it_once_its_last_call_has_ended() {
    let api = Api::new().await;
    let id = api.filled(2).await;
    api.change(&id, "start").await;
    assert_eq!(api.read(&id).await["status"], "running");
    let end = doc! { "status": "completed", "status_rank": 4 };
    api.set("calls", doc! {}, end).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let batch = api.read(&id).await;
        if batch["status"] == "completed" {
            assert_eq!(batch["progress"]["by_status"], json!({ "completed": 2 }));
            break;
        }
        assert!(Instant::now() < deadline, "{batch}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn reading_a_batch_leaves_it_running_while_a_call_may_follow() {
    let api = Api::new().await;
    let id = api.filled(1).await;
    let effect =
        doc! { "n": 1_i64, "type": "next_attempt", "at": DateTime::now(), "status": "busy" };
    let busy =
        doc! { "status": "busy", "status_rank": 4, "effects_open": true, "effects": [effect] };
    api.set("calls", doc! {}, busy).await;
    let running = doc! { "status": "running" };
    api.set("batches", doc! { "_id": &id }, running.clone())
        .await;
    assert_eq!(api.read(&id).await["status"], "running");
    let ended = doc! { "effects": [] };
    api.set("calls", doc! {}, ended).await;
    api.set("batches", doc! { "_id": &id }, doc! { "status": "paused" })
        .await;
    assert_eq!(api.read(&id).await["status"], "paused");
    api.set("batches", doc! { "_id": &id }, running).await;
    assert_eq!(api.read(&id).await["status"], "completed");
}

#[tokio::test]
async fn batch_without_waiting_calls_is_canceled_at_once() {
    let api = Api::new().await;
    let id = api.batch().await;
    assert_eq!(api.change(&id, "cancel").await.json()["status"], "canceled");
    // Recipients that were added just now do not hold it off.
    let id = api.filled(3).await;
    assert_eq!(api.change(&id, "cancel").await.json()["status"], "canceled");
    // A cancel that was interrupted is finished by a reader.
    let id = api.batch().await;
    let canceling = doc! { "status": "canceling" };
    api.set("batches", doc! { "_id": &id }, canceling).await;
    assert_eq!(api.read(&id).await["status"], "canceled");
}

#[tokio::test]
async fn each_request_that_adds_holds_off_the_end_until_it_is_done() {
    let api = Api::new().await;
    let id = api.batch().await;
    let (dao, batch) = (api.dao(), id_of(&id));
    let reserve = async || match dao.reserve_recipients(batch, 1).await.unwrap() {
        Some(Reservation::Reserved(adding)) => adding,
        other => panic!("{other:?}"),
    };
    let is_idle = async || {
        let canceling = doc! { "status": "canceling" };
        api.set("batches", doc! { "_id": &id }, canceling).await;
        let ended = dao.finish_canceling(batch).await.unwrap();
        api.set("batches", doc! { "_id": &id }, doc! { "status": "draft" })
            .await;
        ended
    };
    let (first, second) = (reserve().await, reserve().await);
    assert_ne!(first, second);
    dao.end_adding(batch, &second, 1).await.unwrap();
    assert!(!is_idle().await, "the first one adds");
    dao.end_adding(batch, &first, 1).await.unwrap();
    assert!(is_idle().await);
    let (first, second) = (reserve().await, reserve().await);
    dao.end_adding(batch, &first, 1).await.unwrap();
    assert!(!is_idle().await, "the second one adds");
    dao.end_adding(batch, &second, 1).await.unwrap();
    // A request that ended out of order is waited for, because it may be at work.
    assert!(!is_idle().await);
    api.nobody_adds(&id).await;
    assert!(is_idle().await);
    let stored = api.stage.database().collection::<Document>("batches");
    let stored = stored.find_one(doc! { "_id": &id }).await.unwrap().unwrap();
    assert_eq!(stored.get_i64("reserved").unwrap(), 0);
}

#[tokio::test]
async fn dispatch_finds_running_and_canceling_batches() {
    let api = Api::new().await;
    let mut body = api.body();
    body["calls_per_second"] = 0.5.into();
    let mut ids = Vec::new();
    for status in [
        "running",
        "canceling",
        "draft",
        "paused",
        "completed",
        "canceled",
    ] {
        let id = api.batch_of(&body).await;
        api.set("batches", doc! { "_id": &id }, doc! { "status": status })
            .await;
        ids.push(id);
    }
    let batches = api.stage.database().collection("batches");
    let odd = doc! { "_id": "odd", "status": "running" };
    batches.insert_one(odd).await.unwrap();
    let request = LookRequest {
        lanes: &[],
        leased_max: 1,
        with_batches: true,
    };
    let look = api.dao().look(&request, DateTime::now()).await.unwrap();
    let open = look.batches.unwrap();
    assert_eq!(open.running.len(), 1, "{open:?}");
    assert_eq!(open.running[0].id.to_string(), ids[0]);
    let pace = open.running[0].pace.unwrap().dials_per_second();
    assert!((pace - 0.5).abs() < 1e-9);
    assert_eq!(open.canceling, [id_of(&ids[1])]);
}
