use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use crate::support::{App, DEADLINE, FROM, LISTENER, Sim};

const SECOND_KEY: (&str, &str) = ("SK00000000000000000000000000000000", "secret");

#[tokio::test]
async fn the_account_sid_with_its_token_and_api_keys_with_their_secrets_are_let_in() {
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
async fn the_account_has_its_numbers_and_verified_ones() {
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
async fn what_does_not_exist_is_20404() {
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
async fn a_wrong_method_is_20004() {
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
async fn a_new_call_is_queued_and_told_whole() {
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
    assert_eq!(
        (call["duration"].clone(), call["end_time"].clone()),
        (Value::Null, Value::Null)
    );
    assert_eq!(call["direction"], "outbound-api");
    let sid = call["sid"].as_str().unwrap();
    assert!(sid.starts_with("CA") && sid.len() == 34);
    assert_eq!(
        call["uri"],
        format!("/2010-04-01/Accounts/{}/Calls/{sid}.json", sim.account)
    );
    let ended = sim.reaches(sid, "completed").await;
    assert_eq!(
        (ended["price_unit"].as_str(), ended["duration"].as_str()),
        (Some("USD"), Some("0"))
    );
    for date in ["date_created", "date_updated", "start_time", "end_time"] {
        chrono::DateTime::parse_from_rfc2822(ended[date].as_str().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn the_account_is_told() {
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
async fn pages_lead_from_the_newest_call_to_the_oldest() {
    let sim = Sim::start().await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(
            0,
            sim.call("+12125550101", &[("Twiml", "<Response/>")]).await,
        );
    }
    sim.call(LISTENER, &[("Twiml", "<Response/>")]).await;
    let mut next = Some("/Calls.json?PageSize=2&To=%2B12125550101".to_owned());
    let (mut seen, mut pages) = (Vec::new(), 0);
    while let Some(path) = next {
        let (status, page) = sim
            .send(sim.client.get(if pages == 0 {
                sim.url(&path)
            } else {
                format!("{}{path}", sim.origin)
            }))
            .await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(
            (page["page"].as_u64(), page["page_size"].as_u64()),
            (Some(pages), Some(2))
        );
        assert_eq!(page["start"], pages * 2);
        assert!(
            page["first_page_uri"]
                .as_str()
                .unwrap()
                .ends_with("PageSize=2&Page=0")
        );
        assert_eq!(page["previous_page_uri"].is_null(), pages == 0);
        seen.extend(
            page["calls"]
                .as_array()
                .unwrap()
                .iter()
                .map(|call| call["sid"].as_str().unwrap().to_owned()),
        );
        next = page["next_page_uri"].as_str().map(str::to_owned);
        pages += 1;
    }
    assert_eq!((seen, pages), (made, 3));
}

#[tokio::test]
async fn a_call_made_meanwhile_does_not_shift_the_pages() {
    let sim = Sim::start().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.push(sim.call("+12125550101", &[("Twiml", "<Response/>")]).await);
    }
    let (_, first) = sim.get("/Calls.json?PageSize=2").await;
    sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    let next = first["next_page_uri"].as_str().unwrap();
    let (_, second) = sim
        .send(sim.client.get(format!("{}{next}", sim.origin)))
        .await;
    assert_eq!(second["calls"][0]["sid"], made[0].as_str());
    assert_eq!(second["calls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn page_sizes_are_one_to_a_thousand() {
    let sim = Sim::start().await;
    for (size, status) in [
        ("1", 200),
        ("1000", 200),
        ("0", 400),
        ("1001", 400),
        ("x", 400),
        ("-1", 400),
    ] {
        assert_eq!(
            sim.get(&format!("/Calls.json?PageSize={size}")).await.0,
            status,
            "{size}"
        );
    }
}

#[tokio::test]
async fn calls_are_filtered() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let busy = sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    let done = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    sim.reaches(&busy, "busy").await;
    let call = sim.reaches(&done, "completed").await;
    let listed = async |query: &str| {
        let (status, list) = sim.get(&format!("/Calls.json?{query}")).await;
        assert_eq!(status, 200, "{list}");
        list["calls"]
            .as_array()
            .unwrap()
            .iter()
            .map(|call| call["sid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let both = [done.as_str(), busy.as_str()];
    assert_eq!(listed("").await, both);
    assert_eq!(listed("Status=busy").await, [busy.as_str()]);
    assert_eq!(listed("To=%2B12125551234").await, [done.as_str()]);
    assert_eq!(listed("From=%2B15005550006").await, both);
    assert_eq!(listed("From=%2B12125550000").await.len(), 0);
    assert_eq!(
        listed("ParentCallSid=CA00000000000000000000000000000000")
            .await
            .len(),
        0
    );
    assert_eq!(listed("StartTime%3E=2000-01-01").await, both);
    assert_eq!(listed("StartTime%3C=2000-01-01").await.len(), 0);
    assert_eq!(listed("StartTime%3E=2999-01-01T00:00:00Z").await.len(), 0);
    assert_eq!(
        listed("EndTime%3E=2000-01-01&EndTime%3C=2999-01-01").await,
        both
    );
    let day = chrono::DateTime::parse_from_rfc2822(call["start_time"].as_str().unwrap())
        .unwrap()
        .format("%Y-%m-%d");
    assert!(listed(&format!("StartTime={day}")).await.contains(&done));
    assert_eq!(sim.get("/Calls.json?StartTime=yesterday").await.0, 400);
}

#[tokio::test]
async fn the_events_of_a_call_tell_how_it_was_made_and_what_was_asked() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let voice = app.url("/voice?call_id=42#rc=1");
    let sid = sim
        .call(
            LISTENER,
            &[("Url", &voice), ("StatusCallback", &app.url("/status"))],
        )
        .await;
    sim.log(&sid, |entry| entry["webhook"] == "status").await;
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
async fn more_than_a_hundred_requests_at_a_time_are_refused_with_20429() {
    let sim = Sim::start().await;
    let plan = json!({ "rest": [{ "on": "account", "action": "stall", "delay_ms": 600_000 }] });
    sim.client
        .put(format!("{}/_sim/faults", sim.origin))
        .body(plan.to_string())
        .send()
        .await
        .unwrap();
    let account = format!("{}/2010-04-01/Accounts/{}.json", sim.origin, sim.account);
    // The others wait until this test hangs up: whichever comes last is the one that is answered.
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
        assert!(Instant::now() < deadline, "no place was given back");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
