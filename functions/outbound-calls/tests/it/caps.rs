//! Tests the daily caps of a user, a number and all calls.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::Answer;

use crate::support::{Api, QUEUED, counts, post, router};

#[track_caller]
fn assert_capped(answer: &Answer, code: &str) {
    answer.assert_problem(429, code);
    let seconds: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=86_400).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn user_has_a_daily_cap() {
    let api = Api::with(|stage| stage.set("MAX_CALLS_PER_USER_PER_DAY", "2")).await;
    for _ in 0..2 {
        assert_eq!(api.post(&api.body()).await.status, 201);
    }
    assert_capped(&api.post(&api.body()).await, "user_daily_cap");
    assert_eq!(api.stage.count("calls").await, 2);
    assert_eq!(api.twilio.dials().await.len(), 2);
    api.assert_counted(2).await;

    let mut other = api.body();
    other["user_id"] = json!(api.stage.user().await);
    assert_eq!(api.post(&other).await.status, 201);
}

#[tokio::test]
async fn all_users_share_a_daily_cap() {
    let api = Api::with(|stage| stage.set("MAX_CALLS_PER_DAY", "2")).await;
    for _ in 0..2 {
        let mut body = api.body();
        body["user_id"] = json!(api.stage.user().await);
        assert_eq!(api.post(&body).await.status, 201);
    }
    assert_capped(&api.post(&api.body()).await, "daily_cap");
    assert_eq!(api.stage.count("calls").await, 2);
    assert_eq!(api.twilio.dials().await.len(), 2);
}

#[tokio::test]
async fn cap_of_zero_refuses_every_call() {
    for (name, code) in [
        ("MAX_CALLS_PER_USER_PER_DAY", "user_daily_cap"),
        ("MAX_CALLS_PER_NUMBER_PER_DAY", "number_daily_cap"),
        ("MAX_CALLS_PER_DAY", "daily_cap"),
    ] {
        let api = Api::with(|stage| stage.set(name, "0")).await;
        assert_capped(&api.post(&api.body()).await, code);
        assert_capped(&api.post_with_key("k", &api.body()).await, code);
        api.assert_untouched().await;
        api.assert_counted(0).await;
    }
}

/// Returns the bodies of two users.
async fn bodies_of_two_users(api: &Api, to: [&str; 2]) -> [Value; 2] {
    let mut other = api.body_to(to[1]);
    other["user_id"] = json!(api.stage.user().await);
    [api.body_to(to[0]), other]
}

#[tokio::test]
async fn number_has_a_daily_cap_across_users() {
    let api = Api::with(|stage| stage.set("MAX_CALLS_PER_NUMBER_PER_DAY", "2")).await;
    let [ada, bob] = bodies_of_two_users(&api, [QUEUED; 2]).await;
    for body in [&ada, &bob] {
        assert_eq!(api.post(body).await.status, 201);
    }
    for body in [&ada, &bob] {
        assert_capped(&api.post(body).await, "number_daily_cap");
    }
    assert_eq!(api.twilio.dials().await.len(), 2);
    let other = api.post(&api.body_to("+12125550112")).await;
    assert_eq!(other.status, 201, "{}", other.text());
    let stats = api.get("/stats").await.json();
    assert_eq!(stats["refused"], json!({ "number_daily_cap": 2 }));
}

#[tokio::test]
async fn default_cap_of_a_number_is_ten() {
    let api = Api::new().await;
    for _ in 0..10 {
        assert_eq!(api.post(&api.body()).await.status, 201);
    }
    assert_capped(&api.post(&api.body()).await, "number_daily_cap");
    api.assert_counted(10).await;
}

#[tokio::test]
async fn spellings_of_a_line_share_its_cap() {
    let api = Api::with(|stage| {
        stage
            .set("MAX_CALLS_PER_NUMBER_PER_DAY", "1")
            .set("ALLOWED_COUNTRIES", "AR")
    })
    .await;
    let spellings = ["+541123456789", "+5491123456789"];
    let bodies = bodies_of_two_users(&api, spellings).await;
    assert_eq!(api.post(&bodies[0]).await.status, 201);
    assert_capped(&api.post(&bodies[1]).await, "number_daily_cap");
}

#[tokio::test]
async fn concurrent_requests_never_exceed_a_cap() {
    for (name, code) in [
        ("MAX_CALLS_PER_USER_PER_DAY", "user_daily_cap"),
        ("MAX_CALLS_PER_NUMBER_PER_DAY", "number_daily_cap"),
        ("MAX_CALLS_PER_DAY", "daily_cap"),
    ] {
        let api = Api::with(|stage| {
            stage
                .set("MAX_CALLS_PER_NUMBER_PER_DAY", "50")
                .set(name, "10")
        })
        .await;
        // Two requests for each router: as many as it has connections, so that none times out in the queue.
        let routers: Vec<_> = (0..10).map(|_| router(&api.stage)).collect();
        let request = post(&api.body());
        let answers = join_all((0..20).map(|number| request.send(&routers[number % 10]))).await;
        let placed = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(placed, 10, "{name}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            assert_capped(answer, code);
        }
        assert_eq!(api.stage.count("calls").await, 10);
        assert_eq!(api.twilio.dials().await.len(), 10);
        api.assert_counted(10).await;
    }
}

#[tokio::test]
async fn user_at_the_cap_does_not_use_the_common_cap() {
    let api = Api::with(|stage| {
        stage
            .set("MAX_CALLS_PER_USER_PER_DAY", "1")
            .set("MAX_CALLS_PER_DAY", "2")
    })
    .await;
    assert_eq!(api.post(&api.body()).await.status, 201);
    let capped = post(&api.body());
    let mut other = api.body();
    other["user_id"] = json!(api.stage.user().await);
    let other = post(&other);
    let routers: Vec<_> = (0..4).map(|_| router(&api.stage)).collect();
    let storm = join_all((0..12).map(|number| capped.send(&routers[number % 4])));
    let (refused, placed) = tokio::join!(storm, other.send(&api.router));
    assert_eq!(placed.status, 201, "{}", placed.text());
    for answer in &refused {
        assert_capped(answer, "user_daily_cap");
    }
}

#[tokio::test]
async fn call_refused_by_twilio_does_not_count() {
    let api = Api::with(|stage| {
        stage
            .set("MAX_CALLS_PER_USER_PER_DAY", "1")
            .set("MAX_CALLS_PER_NUMBER_PER_DAY", "1")
    })
    .await;
    api.twilio
        .faults(&json!({ "rest": [{ "on": "create", "action": "refuse", "requests": [1, 2] }] }))
        .await;
    for _ in 0..2 {
        api.post(&api.body())
            .await
            .assert_problem(502, "twilio_refused");
        api.assert_counted(0).await;
    }
    assert_eq!(api.post(&api.body()).await.status, 201);
    assert_capped(&api.post(&api.body()).await, "user_daily_cap");
}

#[tokio::test]
async fn call_with_unknown_outcome_counts() {
    let api = Api::with(|stage| stage.set("MAX_CALLS_PER_USER_PER_DAY", "1")).await;
    api.twilio
        .faults(&json!({ "rest": [{ "on": "create", "action": "error", "status": 500 }] }))
        .await;
    assert_eq!(api.post(&api.body()).await.status, 202);
    assert_capped(&api.post(&api.body()).await, "user_daily_cap");
    assert_eq!(counts(&api.stage).await, [1, 1, 1]);
}
