//! Documents with odd values: none of them holds up the calls behind it.

use bson::{Bson, doc};
use outdial::domain::CallStatus;

use crate::support::Scene;

#[tokio::test]
async fn odd_call_holds_up_no_other() {
    let scene = Scene::with(|stage| {
        let stage = stage.set("CALLING_HOURS", "00:00-24:00");
        let stage = stage.set("MAX_CALLS_PER_NUMBER_PER_DAY", "1000");
        stage.set("MAX_CALLS_PER_USER_PER_DAY", "1000")
    })
    .await;
    let odd = scene.due_call().await;
    let stored = scene.stage.stored(&odd.call_id.to_string()).await;
    for (field, value) in [
        ("user_id", Bson::from("nobody")),
        ("user_id", Bson::from(7)),
        ("to_number", Bson::from("a friend")),
        ("to_number", Bson::Null),
        ("time_zone", Bson::from("Mars/Olympus")),
        ("time_zone", Bson::from(2)),
        ("batch_id", Bson::from("x")),
        ("expires_at", Bson::Null),
        ("expires_at", Bson::from("soon")),
        ("hangup_requested", Bson::from(true)),
        ("retry", Bson::from("often")),
        ("events", Bson::from("odd")),
        ("effects", Bson::from(1)),
        ("priority", Bson::from("now")),
        ("attempt", Bson::from("two")),
        ("status_rank", Bson::from("low")),
        ("counted_number", Bson::from("")),
        ("metadata", Bson::from("a")),
        ("call_id", Bson::from("x")),
        ("due_at", Bson::from(0)),
    ] {
        let mut document = stored.clone();
        document.insert(field, value.clone());
        let calls = scene.stage.database().collection("calls");
        let this = doc! { "_id": odd.id };
        calls.replace_one(this, document).await.unwrap();
        let good = scene.due_call().await;
        let asked = scene.dials().await;
        scene.dial_due().await;
        let dialled = scene.read(&good).await;
        assert_ne!(dialled.status, CallStatus::Scheduled, "{field}: {value}");
        assert!(scene.dials().await > asked, "{field}: {value}");
        let next = scene.claim().await.calls;
        assert!(next.is_empty(), "{field}: {value} is due at once again");
        let left = doc! { "status": "scheduled", "lease_id": { "$exists": true } };
        let calls = scene.stage.database().collection::<bson::Document>("calls");
        let left = calls.count_documents(left).await.unwrap();
        assert_eq!(left, 0, "{field}: {value} keeps its lease");
    }
}
