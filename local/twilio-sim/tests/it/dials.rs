//! The record of requests to create calls.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use twilio_sim::dials::{Dial, DialRequest, Dials, KEPT_DIALS};

use crate::faults::with;
use crate::support::{DataFile, FROM, LISTENER, Sim};

const URL: &str = "http://127.0.0.1:1/voice?x=1&call_id=7d4f#rc=1";

pub fn dial(n: u64, steady_us: u64) -> Dial {
    Dial {
        n,
        at: Utc::now(),
        steady_us,
        request: DialRequest {
            to: None,
            from: None,
            call_id: None,
        },
        status: None,
        code: None,
        call_sid: None,
    }
}

#[tokio::test]
async fn each_request_is_recorded_whatever_its_response() {
    let sim = with(json!({ "rest": [
        { "on": "create", "requests": [2], "action": "refuse", "code": 20003 },
        { "on": "create", "requests": [3], "action": "rate_limit" },
        { "on": "create", "requests": [4], "action": "reset" },
        { "on": "create", "requests": [5], "action": "reset", "when": "after" },
        { "on": "create", "requests": [6], "action": "garbage", "when": "after" },
        { "on": "create", "requests": [7], "action": "close" },
        { "on": "create", "requests": [8], "action": "error", "status": 503 },
    ] }))
    .await;
    let form = |to| [("To", to), ("From", FROM), ("Url", URL)];
    let begun = Utc::now();
    for to in [&[LISTENER; 8][..], &["nonsense"]].concat() {
        let request = sim.client.post(sim.url("/Calls.json")).form(&form(to));
        // Some connections end without a response.
        let _ = request
            .basic_auth(&sim.account, Some(&sim.token))
            .send()
            .await;
    }
    let request = sim.client.post(sim.url("/Calls.json"));
    assert_eq!(request.send().await.unwrap().status(), 401);
    let dials = sim.dials("").await;
    let seen: Vec<_> = dials
        .iter()
        .map(|dial| {
            let number = |name: &str| dial[name].as_u64();
            (
                number("status"),
                number("code"),
                dial["call_sid"].is_string(),
            )
        })
        .collect();
    let expected = [
        (Some(201), None, true),
        (Some(401), Some(20003), false),
        (Some(429), Some(20429), false),
        (None, None, false),
        (None, None, true),
        (Some(201), None, true),
        (None, None, false),
        (Some(503), None, false),
        (Some(400), Some(21211), false),
        (Some(401), Some(20003), false),
    ];
    assert_eq!(seen, expected);
    let mut earlier = begun - TimeDelta::milliseconds(1);
    for (n, dial) in dials.iter().enumerate() {
        assert_eq!(dial["n"], n);
        let at: DateTime<Utc> = dial["at"].as_str().unwrap().parse().unwrap();
        assert!(earlier <= at && at <= Utc::now(), "{earlier} {at}");
        earlier = at;
    }
    for dial in &dials[..8] {
        let given = (&dial["to"], &dial["from"], &dial["call_id"]);
        assert_eq!(given, (&json!(LISTENER), &json!(FROM), &json!("7d4f")));
    }
    let (_, list) = sim.get("/Calls.json").await;
    let mut created: Vec<&Value> = list["calls"].as_array().unwrap().iter().collect();
    created.reverse();
    let created: Vec<&Value> = created.into_iter().map(|call| &call["sid"]).collect();
    let recorded = dials.iter().map(|dial| &dial["call_sid"]);
    let recorded: Vec<&Value> = recorded.filter(|sid| sid.is_string()).collect();
    assert_eq!(recorded, created);
}

#[tokio::test]
async fn list_can_start_at_any_request_and_be_filtered() {
    let sim = Sim::start().await;
    for id in ["a", "b", "a"] {
        let url = format!("http://127.0.0.1:1/voice?call_id={id}");
        sim.call(LISTENER, &[("Url", &url)]).await;
    }
    sim.call("+12125550101", &[("Twiml", "<Response/>")]).await;
    let numbers = async |query: &str| {
        let dials = sim.dials(query).await;
        let numbers = dials.iter().map(|dial| dial["n"].as_u64().unwrap());
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(numbers("?since=2").await, [2, 3]);
    assert_eq!(numbers("?since=4").await, [0; 0]);
    assert_eq!(numbers("?call_id=a").await, [0, 2]);
    assert_eq!(numbers("?call_id=a&since=1").await, [2]);
    assert_eq!(numbers("?to=%2B12125550101").await, [3]);
}

#[tokio::test]
async fn record_has_the_local_time_of_the_called_party() {
    let sim = Sim::start().await;
    for to in ["+442071838750", "+18005550100", "client:someone"] {
        sim.call(to, &[("Twiml", "<Response/>")]).await;
    }
    let dials = sim.dials("").await;
    let clocks = |n: usize| dials[n]["callee_clocks"].as_array().unwrap();
    assert_eq!(clocks(0).len(), 1);
    assert_eq!(clocks(0)[0]["zone"], "Europe/London");
    assert_eq!(dials[0]["country_wide"], false);
    assert!(clocks(1).len() > 10);
    assert_eq!(dials[1]["country_wide"], true);
    assert_eq!(clocks(2).len(), 0);
    for (n, dial) in dials.iter().enumerate() {
        let at: DateTime<Utc> = dial["at"].as_str().unwrap().parse().unwrap();
        for clock in clocks(n) {
            let shown = clock["local_time"].as_str().unwrap();
            assert_eq!(DateTime::parse_from_rfc3339(shown).unwrap(), at);
        }
    }
}

#[tokio::test]
async fn restart_restores_the_record() {
    let data = DataFile::new();
    let sim = data.sim().await;
    sim.call(LISTENER, &[("Url", URL)]).await;
    sim.post("/Calls.json", &[("To", "nonsense")]).await;
    let before = sim.dials("").await;
    assert_eq!(before.len(), 2);
    drop(sim);
    // Twice, because each start rewrites the file.
    for run in 0..2 {
        let sim = data.sim().await;
        let restored = sim.dials("").await;
        assert_eq!(restored[..2], before[..]);
        assert_eq!(restored.len(), 2 + run);
        sim.post("/Calls.json", &[]).await;
        let added = &sim.dials("").await[2 + run];
        assert_eq!(
            (&added["n"], &added["code"]),
            (&json!(2 + run), &json!(21201))
        );
    }
}

#[test]
fn oldest_request_is_removed_beyond_the_limit() {
    let mut dials = Dials::default();
    for n in 0..=KEPT_DIALS as u64 {
        dials.restore(dial(n, n));
    }
    assert_eq!(dials.since(0).count(), KEPT_DIALS);
    assert_eq!(dials.since(0).next().unwrap().n, 1);
    assert_eq!(dials.total(), KEPT_DIALS as u64 + 1);
    assert!(dials.get_mut(0).is_none());
}
