//! Tests how batches end: canceled in pages, or completed.

use mongodb::bson::{DateTime, Document, doc};
use outdial::{dao::LookRequest, domain::BatchId};

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
    let soon = DateTime::from_millis(DateTime::now().timestamp_millis() + 10_000);
    api.set(
        "batches",
        doc! { "_id": &id },
        doc! { "adding_until": soon },
    )
    .await;
    assert!(!complete().await, "a request adds recipients");
    api.nobody_adds(&id).await;
    assert!(complete().await);
    assert_eq!(api.read(&id).await["status"], "completed");
    assert!(!complete().await);
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
