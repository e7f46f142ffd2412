//! The REST API: authentication, the account, a new call, events and errors.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use crate::support::{App, DEADLINE, FROM, LISTENER, Sim};

const SECOND_KEY: (&str, &str) = ("SK00000000000000000000000000000000", "secret");

#[tokio::test]
async fn auth_token_and_api_keys_authenticate() {
    let sim = Sim::with(|config| {
        config.api_keys = vec![(SECOND_KEY.0.to_owned(), SECOND_KEY.1.to_owned())];
    })
    .await;
    let url = sim.url("/Calls.json");
    for (user, password, status) in [
        (sim.account.as_str(), sim.token.as_str(), 200),
        (SECOND_KEY.0, SECOND_KEY.1, 200),
        (&sim.account, "wrong", 401),
        (&sim.account, SECOND_KEY.1, 401),
        ("AC00000000000000000000000000000000", &sim.token, 401),
        ("", "", 401),
    ] {
        let answer = sim
            .client
            .get(&url)
            .basic_auth(user, Some(password))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{user}");
    }
    let answer = sim.client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(answer.headers().contains_key("www-authenticate"));
    let error: Value = answer.json().await.unwrap();
    assert_eq!(
        error,
        json!({ "code": 20003, "message": "Authenticate", "more_info": "https://www.twilio.com/docs/errors/20003", "status": 401 })
    );
}

#[tokio::test]
async fn account_lists_its_own_and_verified_numbers() {
    let sim = Sim::with(|config| {
        config.numbers = vec!["+12125550100".to_owned(), "+12125550101".to_owned()];
        config.caller_ids = vec!["+14155550100".to_owned()];
    })
    .await;
    for (path, key, count) in [
        ("/IncomingPhoneNumbers.json", "incoming_phone_numbers", 2),
        (
            "/IncomingPhoneNumbers.json?PhoneNumber=%2B12125550101",
            "incoming_phone_numbers",
            1,
        ),
        (
            "/IncomingPhoneNumbers.json?PhoneNumber=%2B14155550100",
            "incoming_phone_numbers",
            0,
        ),
        ("/OutgoingCallerIds.json", "outgoing_caller_ids", 1),
        (
            "/OutgoingCallerIds.json?PhoneNumber=%2B12125550100",
            "outgoing_caller_ids",
            0,
        ),
    ] {
        let (status, page) = sim.get(path).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(page[key].as_array().map(Vec::len), Some(count), "{path}");
    }
    let (_, page) = sim
        .get("/IncomingPhoneNumbers.json?PhoneNumber=%2B12125550101")
        .await;
    let number = &page["incoming_phone_numbers"][0];
    assert_eq!(number["phone_number"], "+12125550101");
    assert_eq!(number["capabilities"]["voice"], true);
}

#[tokio::test]
async fn unknown_resource_is_20404() {
    let sim = Sim::start().await;
    let nobody = "CA00000000000000000000000000000000";
    for path in [
        format!("/Calls/{nobody}.json"),
        format!("/Calls/{nobody}/Events.json"),
        format!("/Calls/{nobody}/Recordings.json"),
        "/Recordings/RE00000000000000000000000000000000.json".to_owned(),
        "/Recordings/RE00000000000000000000000000000000.wav".to_owned(),
        "/Messages.json".to_owned(),
        "/Calls".to_owned(),
    ] {
        let (status, error) = sim.get(&path).await;
        assert_eq!(
            (status.as_u16(), error["code"].as_u64()),
            (404, Some(20404)),
            "{path}"
        );
    }
    let (status, error) = sim
        .post(&format!("/Calls/{nobody}.json"), &[("Status", "completed")])
        .await;
    assert_eq!(
        (status.as_u16(), error["code"].as_u64()),
        (404, Some(20404))
    );
    let other = format!(
        "{}/2010-04-01/Accounts/AC00000000000000000000000000000000/Calls.json",
        sim.origin
    );
    let (status, error) = sim.send(sim.client.get(other)).await;
    assert_eq!(
        (status.as_u16(), error["code"].as_u64()),
        (404, Some(20404))
    );
}

#[tokio::test]
async fn wrong_method_is_20004() {
    let sim = Sim::start().await;
    let (status, error) = sim
        .send(sim.client.request(Method::PUT, sim.url("/Calls.json")))
        .await;
    assert_eq!(
        (status.as_u16(), error["code"].as_u64()),
        (405, Some(20004))
    );
}

#[tokio::test]
async fn new_call_is_queued_and_has_all_fields() {
    let sim = Sim::start().await;
    let (status, call) = sim
        .post(
            "/Calls.json",
            &[
                ("To", "(212) 555-1234"),
                ("From", FROM),
                ("Twiml", "<Response/>"),
            ],
        )
        .await;
    assert_eq!(status, 201);
    assert_eq!(call["status"], "queued");
    assert_eq!(
        (call["to"].as_str(), call["to_formatted"].as_str()),
        (Some(LISTENER), Some("(212) 555-1234"))
    );
    assert_eq!(call["duration"], Value::Null);
    for date in ["date_created", "date_updated", "start_time", "end_time"] {
        assert_eq!(call[date], Value::Null, "{date}");
    }
    let (_, numbers) = sim.get("/IncomingPhoneNumbers.json").await;
    assert_eq!(
        call["phone_number_sid"],
        numbers["incoming_phone_numbers"][0]["sid"]
    );
    assert_eq!(call["direction"], "outbound-api");
    let sid = call["sid"].as_str().unwrap();
    assert!(sid.starts_with("CA") && sid.len() == 34);
    assert_eq!(
        call["uri"],
        format!("/2010-04-01/Accounts/{}/Calls/{sid}.json", sim.account)
    );
    let ended = sim.wait_for_status(sid, "completed").await;
    assert_eq!(
        (ended["price_unit"].as_str(), ended["duration"].as_str()),
        (Some("USD"), Some("0"))
    );
    for date in ["date_created", "date_updated", "start_time", "end_time"] {
        chrono::DateTime::parse_from_rfc2822(ended[date].as_str().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn account_is_active() {
    let sim = Sim::start().await;
    let (status, account) = sim
        .send(sim.client.get(format!(
            "{}/2010-04-01/Accounts/{}.json",
            sim.origin, sim.account
        )))
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        (account["sid"].as_str(), account["status"].as_str()),
        (Some(sim.account.as_str()), Some("active"))
    );
}

#[tokio::test]
async fn events_show_the_creation_and_the_webhooks_of_a_call() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let voice = app.url("/voice?call_id=42#rc=1");
    let sid = sim
        .call(
            LISTENER,
            &[("Url", &voice), ("StatusCallback", &app.url("/status"))],
        )
        .await;
    sim.wait_for_log(&sid, |entry| entry["webhook"] == "status")
        .await;
    app.wait("/status", 1).await;
    let (status, list) = sim.get(&format!("/Calls/{sid}/Events.json")).await;
    assert_eq!(status, 200);
    let events = list["events"].as_array().unwrap();
    assert_eq!(events[0]["request"]["parameters"]["url"], voice.as_str());
    assert_eq!(events[0]["response"]["response_code"], 201);
    assert_eq!(events[1]["request"]["url"], voice.as_str());
    assert_eq!(events[1]["request"]["parameters"]["call_sid"], sid.as_str());
    assert_eq!(events[1]["response"]["response_code"], 200);
    assert!(
        events[1]["response"]["response_body"]
            .as_str()
            .unwrap()
            .contains("<Say>")
    );
    assert_eq!(list["next_page_uri"], Value::Null);
    let (_, second) = sim
        .get(&format!("/Calls/{sid}/Events.json?PageSize=1&Page=1"))
        .await;
    assert_eq!(second["events"][0], events[1]);
}

#[tokio::test]
async fn more_than_100_concurrent_requests_are_20429() {
    let sim = Sim::start().await;
    let plan = json!({ "rest": [{ "on": "account", "action": "stall", "delay_ms": 600_000 }] });
    sim.client
        .put(format!("{}/_sim/faults", sim.origin))
        .body(plan.to_string())
        .send()
        .await
        .unwrap();
    let account = format!("{}/2010-04-01/Accounts/{}.json", sim.origin, sim.account);
    // The last request to arrive gets a response. The others wait until the test drops them.
    let requests = (0..101).map(|_| Box::pin(sim.send(sim.client.get(&account))));
    let ((status, error), _, waiting) = futures_util::future::select_all(requests).await;
    assert_eq!(
        (status.as_u16(), error["code"].as_u64()),
        (429, Some(20429))
    );
    assert_eq!(sim.get("/Calls.json").await.0, 429);
    drop(waiting);
    let deadline = Instant::now() + DEADLINE;
    while sim.get("/Calls.json").await.0 != 200 {
        assert!(Instant::now() < deadline, "no slot was freed");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
