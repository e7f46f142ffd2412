//! Tests the kill switch, and the order of checks.

use mongodb::bson::{Document, doc};
use outdial::dao::Dao;
use serde_json::json;
use testkit::{Request, Stage, Twilio};

use crate::support::{Api, text};

async fn switch(api: &Api, on: bool) {
    let dao = Dao::new(&api.stage.settings().mongo().unwrap()).unwrap();
    dao.switch_dialing(on, Some("reason-marked"), Some("by-marked"))
        .await
        .unwrap();
}

#[tokio::test]
async fn switched_off_dialling_refuses_the_next_request_and_stores_nothing() {
    let api = Api::new().await;
    switch(&api, false).await;
    for answer in [
        api.post(&api.body()).await,
        api.post_with_key("k", &api.body()).await,
    ] {
        answer.assert_problem(503, "dialing_off");
        let seconds: u32 = answer.header("retry-after").parse().unwrap();
        assert!(seconds > 0);
        assert!(!answer.text().contains("-marked"), "{}", answer.text());
    }
    api.assert_untouched().await;
    api.assert_counted(0).await;
    switch(&api, true).await;
    let answer = api.post_with_key("k", &api.body()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[tokio::test]
async fn calls_and_replays_continue_while_dialling_is_off() {
    let api = Api::new().await;
    let first = api.post_with_key("k", &api.body()).await;
    let id = text(&first.json()["call_id"]);
    switch(&api, false).await;
    let repeat = api.post_with_key("k", &api.body()).await;
    assert_eq!(repeat.status, 201, "{}", repeat.text());
    assert_eq!(repeat.header("idempotent-replayed"), "true");
    api.call(&id).await;
    assert_eq!(api.hang_up(&id).await.status, 202);
    assert_eq!(api.twilio.dials().await.len(), 1);
}

#[tokio::test]
async fn unreadable_switch_counts_as_off() {
    let api = Api::new().await;
    let counters = api.stage.database().collection::<Document>("counters");
    let broken = doc! { "_id": "dialing", "on": "yes" };
    counters.insert_one(broken).await.unwrap();
    api.post(&api.body())
        .await
        .assert_problem(503, "dialing_off");
    api.assert_untouched().await;
}

#[tokio::test]
async fn other_errors_come_before_the_switch() {
    let api = Api::new().await;
    switch(&api, false).await;
    let mut body = api.body();
    body["user_id"] = json!("65f0a1b2c3d4e5f601234567");
    api.post(&body).await.assert_problem(404, "not_found");
    api.post(&json!({}))
        .await
        .assert_problem(422, "validation_failed");
    api.post(&api.body_to("+442079460000"))
        .await
        .assert_problem(422, "country_not_allowed");
}

#[tokio::test]
async fn unknown_user_comes_before_a_refusal() {
    let api = Api::new().await;
    let mut body = api.body_to("+19005550123");
    body["user_id"] = json!("65f0a1b2c3d4e5f601234567");
    api.post(&body).await.assert_problem(404, "not_found");
    api.assert_untouched().await;
}

#[tokio::test]
async fn numbering_plan_is_ready_without_the_database() {
    let twilio = Twilio::start().await;
    let stage = Stage::new().await.playing(&twilio);
    let (stage, line) = stage.behind_proxy().await;
    line.stall();
    let app = outbound_calls::App::from_settings(&stage.settings()).unwrap();
    let request = Request::post(
        "/blocked-numbers",
        &json!({ "phone_number": "+4402079460018" }),
    );
    let answer = request.send(&outbound_calls::router(app)).await;
    answer.assert_problem(422, "validation_failed");
    assert!(answer.text().contains("+442079460018"), "{}", answer.text());
}
