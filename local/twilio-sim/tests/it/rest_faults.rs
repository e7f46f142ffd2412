//! Faults of REST requests.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::faults::with;
use crate::support::{FROM, LISTENER};

#[tokio::test]
async fn rest_faults_happen_before_or_after_the_call_is_created() {
    for (when, made) in [("before", 0), ("after", 1)] {
        for (action, more) in [
            ("refuse", json!({ "status": 400, "code": 21215 })),
            ("rate_limit", json!({})),
            ("error", json!({ "status": 503 })),
            ("garbage", json!({})),
            ("reset", json!({})),
        ] {
            let mut rule = json!({ "on": "create", "when": when, "action": action });
            rule.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            let sim = with(json!({ "rest": [rule] })).await;
            let form = [("To", LISTENER), ("From", FROM), ("Twiml", "<Response/>")];
            let request = sim
                .client
                .post(sim.url("/Calls.json"))
                .form(&form)
                .basic_auth(&sim.account, Some(&sim.token));
            match (action, request.send().await) {
                ("reset", Err(error)) => assert!(!error.is_timeout(), "{error:?}"),
                ("reset", Ok(answer)) => panic!("{answer:?}"),
                (_, answer) => {
                    let answer = answer.unwrap();
                    let status = answer.status().as_u16();
                    let body: Result<Value, _> = answer.json().await;
                    match action {
                        "refuse" => {
                            assert_eq!(
                                (status, body.unwrap()["code"].as_u64()),
                                (400, Some(21215))
                            );
                        }
                        "rate_limit" => {
                            assert_eq!(
                                (status, body.unwrap()["code"].as_u64()),
                                (429, Some(20429))
                            );
                        }
                        "error" => assert!(status == 503 && body.is_err()),
                        _ => assert!(status < 300 && body.is_err()),
                    }
                }
            }
            let (_, list) = sim.get("/Calls.json").await;
            assert_eq!(
                list["calls"].as_array().unwrap().len(),
                made,
                "{when} {action}"
            );
        }
    }
}

#[tokio::test]
async fn refusal_has_the_usual_status_of_its_code() {
    for (code, status) in [
        (20003, 401),
        (20005, 400),
        (10001, 400),
        (20403, 403),
        (20429, 429),
        (20500, 500),
        (20503, 503),
        (10004, 400),
        (22005, 400),
        (21205, 400),
        (21210, 400),
        (21212, 400),
    ] {
        let rule = json!({ "on": "create", "action": "refuse", "code": code });
        let sim = with(json!({ "rest": [rule] })).await;
        let form = [("To", LISTENER), ("From", FROM), ("Twiml", "<Response/>")];
        let (answered, error) = sim.post("/Calls.json", &form).await;
        assert_eq!(answered, status, "{code}");
        assert_eq!(
            (&error["code"], &error["status"]),
            (&json!(code), &json!(status))
        );
    }
    let rule = json!({ "on": "create", "action": "refuse", "code": 20005, "status": 401 });
    let sim = with(json!({ "rest": [rule] })).await;
    assert_eq!(sim.post("/Calls.json", &[]).await.0, 401);
}

#[tokio::test]
async fn stalled_request_gets_a_late_response() {
    for when in ["before", "after"] {
        let sim = with(json!({ "rest": [{ "on": "create", "when": when, "action": "stall", "delay_ms": 300 }] })).await;
        let started = Instant::now();
        sim.call(LISTENER, &[("Twiml", "<Response/>")]).await;
        assert!(started.elapsed() >= Duration::from_millis(300));
    }
}

#[tokio::test]
async fn rest_faults_select_requests_numbers_and_operations() {
    let sim = with(json!({ "rest": [
        { "on": "create", "requests": [2], "action": "rate_limit" },
        { "on": "create", "to": "+12125550101", "action": "error" },
        { "on": "fetch", "action": "error", "status": 500 },
    ] }))
    .await;
    let dial = async |to: &str| {
        sim.post(
            "/Calls.json",
            &[("To", to), ("From", FROM), ("Twiml", "<Response/>")],
        )
        .await
        .0
        .as_u16()
    };
    assert_eq!(
        (
            dial(LISTENER).await,
            dial(LISTENER).await,
            dial(LISTENER).await
        ),
        (201, 429, 201)
    );
    assert_eq!(dial("+12125550101").await, 500);
    let (_, list) = sim.get("/Calls.json").await;
    let sid = list["calls"][0]["sid"].as_str().unwrap();
    assert_eq!(sim.get(&format!("/Calls/{sid}.json")).await.0, 500);
}
