//! The Dial verb: a leg to another number, its own document, and the connection.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use twilio_sim::scripted::Scripted;

use crate::support::{App, DEADLINE, FROM, Hit, LISTENER, Sim, no_content, twiml};

const AGENT: &str = "+12125559876";
const WHISPER: &str = "<Response><Gather action=\"/accepted\" numDigits=\"1\" timeout=\"3\"><Say>Press one.</Say></Gather><Hangup/></Response>";

struct Scene {
    sim: Sim,
    app: App,
    sid: String,
}

/// Plays `first` to the listener, and the whisper to the agent. The later documents say "Done.".
async fn scene(first: &str, callees: Value, change: impl FnOnce(&mut twilio_sim::Config)) -> Scene {
    let first = first.to_owned();
    let app = App::responding(move |hit, _| match hit.path.as_str() {
        "/voice" => twiml(&first),
        "/whisper" => twiml(WHISPER),
        "/accepted" => twiml("<Response/>"),
        "/leg" => no_content(),
        _ => twiml("<Response><Say>Done.</Say></Response>"),
    })
    .await;
    let callees = Scripted::parse(callees.to_string().as_bytes()).unwrap();
    let sim = Sim::with(|config| {
        config.callees = callees;
        change(config);
    })
    .await;
    let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    Scene { sim, app, sid }
}

impl Scene {
    async fn ended(&self) -> Value {
        self.sim.wait_for_status(&self.sid, "completed").await;
        self.sim.report(&self.sid).await
    }

    /// The legs, as the REST API lists them.
    async fn legs(&self) -> Vec<Value> {
        let path = format!("/Calls.json?ParentCallSid={}", self.sid);
        let (status, page) = self.sim.get(&path).await;
        assert_eq!(status, 200, "{page}");
        page["calls"].as_array().unwrap().clone()
    }

    /// Waits until the other party has answered. Returns the SID of the leg.
    async fn live_leg(&self) -> String {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if let [leg] = &self.legs().await[..]
                && leg["status"] == "in-progress"
            {
                return leg["sid"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("nobody answered");
    }

    async fn action(&self) -> Hit {
        self.app.wait("/action", 1).await[0].clone()
    }
}

fn dial(attributes: &str, number: &str) -> String {
    format!(
        "<Response><Dial action=\"/action\" callerId=\"{FROM}\" {attributes}>{number}</Dial></Response>"
    )
}

fn whispered(number: &str) -> String {
    format!(
        "<Number url=\"/whisper\" statusCallback=\"/leg\" statusCallbackEvent=\"initiated ringing answered completed\">{number}</Number>"
    )
}

#[tokio::test]
async fn accepted_leg_is_connected_until_it_hangs_up() {
    let agent = json!({ AGENT: { "presses": ["W1"], "talks_seconds": 40 } });
    let scene = scene(&dial("", &whispered(AGENT)), agent, |_| {}).await;
    let call = scene.ended().await;
    let action = scene.action().await;
    for (name, value) in [
        ("CallSid", scene.sid.as_str()),
        ("Direction", "outbound-api"),
        ("CallStatus", "in-progress"),
        ("DialCallStatus", "completed"),
        ("DialBridged", "true"),
    ] {
        assert_eq!(action.param(name), value, "{name}");
    }
    let talked: u64 = action.param("DialCallDuration").parse().unwrap();
    assert!((41..44).contains(&talked), "{talked}");
    assert_eq!(call["spoken"], json!(["Done."]));
    // Three seconds of ringing, the leg, and a second of speech.
    let lasted = call["duration"].as_u64().unwrap();
    assert!((3 + 41..3 + 41 + 10).contains(&lasted), "{lasted}");

    let legs = scene.legs().await;
    assert_eq!(legs.len(), 1);
    for (name, value) in [
        ("sid", action.param("DialCallSid")),
        ("direction", "outbound-dial"),
        ("parent_call_sid", &scene.sid),
        ("to", AGENT),
        ("from", FROM),
        ("status", "completed"),
        ("duration", action.param("DialCallDuration")),
    ] {
        assert_eq!(legs[0][name], value, "{name}");
    }
    let leg = scene.sim.report(action.param("DialCallSid")).await;
    assert_eq!(leg["bridged_seconds"], 40);
    assert_eq!(leg["spoken"], json!(["Press one."]));
    assert!(scene.sim.dials("?to=%2B12125559876").await.is_empty());
}

#[tokio::test]
async fn webhooks_of_a_leg_name_the_call_that_dialled() {
    let agent = json!({ AGENT: { "presses": ["1"] } });
    let scene = scene(&dial("", &whispered(AGENT)), agent, |_| {}).await;
    scene.ended().await;
    let callbacks = scene.app.wait("/leg", 4).await;
    let statuses: Vec<_> = callbacks
        .iter()
        .map(|hit| hit.param("CallStatus"))
        .collect();
    assert_eq!(
        statuses,
        ["initiated", "ringing", "in-progress", "completed"]
    );
    let whispers = scene.app.hits("/whisper");
    let leg = scene.action().await.param("DialCallSid").to_owned();
    for hit in callbacks.iter().chain(&whispers) {
        assert_eq!(hit.param("CallSid"), leg);
        assert_eq!(hit.param("ParentCallSid"), scene.sid);
        assert_eq!(hit.param("Direction"), "outbound-dial");
        assert_eq!(hit.param("To"), AGENT);
    }
}

#[tokio::test]
async fn leg_that_does_not_accept_is_not_connected() {
    let cases = [
        (AGENT, "completed"),
        ("+12125550101", "busy"),
        ("+12125550102", "no-answer"),
        ("+12125550103", "failed"),
        ("+12125550104", "completed"),
    ];
    for (number, status) in cases {
        let scene = scene(
            &dial("timeout=\"20\"", &whispered(number)),
            json!({}),
            |_| {},
        )
        .await;
        let call = scene.ended().await;
        let action = scene.action().await;
        assert_eq!(action.param("DialCallStatus"), status, "{number}");
        assert_eq!(action.param("DialBridged"), "false", "{number}");
        assert_eq!(call["spoken"], json!(["Done."]));
        let leg = scene.sim.report(action.param("DialCallSid")).await;
        assert_eq!(leg["bridged_seconds"], Value::Null);
    }
}

#[tokio::test]
async fn phone_rings_five_seconds_longer_than_the_timeout() {
    let dialled = dial("timeout=\"20\"", "+12125550102");
    let scene = scene(&dialled, json!({}), |_| {}).await;
    let call = scene.ended().await;
    let lasted = call["duration"].as_u64().unwrap();
    assert!((26..32).contains(&lasted), "{lasted}");
}

#[tokio::test]
async fn number_without_a_document_is_connected_at_once_up_to_the_time_limit() {
    let agent = json!({ AGENT: { "talks_seconds": 600 } });
    let scene = scene(&dial("timeLimit=\"90\"", AGENT), agent, |_| {}).await;
    scene.ended().await;
    let action = scene.action().await;
    assert_eq!(action.param("DialCallDuration"), "90");
    assert_eq!(action.param("DialBridged"), "true");
    let leg = scene.sim.report(action.param("DialCallSid")).await;
    assert_eq!(leg["ended_by"], "time_limit");
}

#[tokio::test]
async fn next_verb_follows_a_dial_without_an_action() {
    let first = format!("<Response><Dial>{AGENT}</Dial><Say>Bye.</Say></Response>");
    let scene = scene(&first, json!({}), |_| {}).await;
    assert_eq!(scene.ended().await["spoken"], json!(["Bye."]));
    assert_eq!(scene.legs().await[0]["from"], FROM);
}

#[tokio::test]
async fn caller_who_hangs_up_first_ends_the_leg() {
    for requests_action in [true, false] {
        let people = json!({
            AGENT: { "presses": ["1"], "talks_seconds": 600 },
            LISTENER: { "hangs_up_after_seconds": 60 },
        });
        let scene = scene(&dial("", &whispered(AGENT)), people, |config| {
            config.dial_action_after_hangup = requests_action;
        })
        .await;
        let call = scene.ended().await;
        assert_eq!(call["ended_by"], "callee");
        assert_eq!(call["duration"], 60);
        let leg = scene.legs().await[0].clone();
        assert_eq!(leg["status"], "completed");
        let report = scene.sim.report(leg["sid"].as_str().unwrap()).await;
        assert_eq!(report["ended_by"], "other_leg");
        if requests_action {
            let action = scene.action().await;
            assert_eq!(action.param("CallStatus"), "completed");
            assert_eq!(action.param("DialBridged"), "true");
        } else {
            assert!(scene.app.hits("/action").is_empty());
        }
        assert_eq!(call["spoken"], json!([]));
    }
}

#[tokio::test]
async fn update_of_the_call_ends_the_leg() {
    let agent = json!({ AGENT: { "talks_seconds": 86400 } });
    for (update, ended_by) in [
        (("Status", "completed"), "update"),
        (
            ("Twiml", "<Response><Say>Moved.</Say></Response>"),
            "instructions",
        ),
    ] {
        let scene = scene(
            &dial("timeLimit=\"86400\"", AGENT),
            agent.clone(),
            |config| {
                config.speed = twilio_sim::clock::Speed::parse("20").unwrap();
            },
        )
        .await;
        let leg = &scene.live_leg().await;
        let path = format!("/Calls/{}.json", scene.sid);
        assert_eq!(scene.sim.post(&path, &[update]).await.0, 200);
        scene.sim.wait_for_status(leg, "completed").await;
        assert_eq!(scene.sim.report(leg).await["ended_by"], "other_leg");
        assert_eq!(scene.ended().await["ended_by"], ended_by);
    }
}

#[tokio::test]
async fn update_of_the_leg_ends_the_connection() {
    let agent = json!({ AGENT: { "talks_seconds": 86400 } });
    let scene = scene(&dial("timeLimit=\"86400\"", AGENT), agent, |config| {
        config.speed = twilio_sim::clock::Speed::parse("20").unwrap();
    })
    .await;
    let leg = &scene.live_leg().await;
    let moved = ("Twiml", "<Response><Say>Alone.</Say></Response>");
    let path = format!("/Calls/{leg}.json");
    assert_eq!(scene.sim.post(&path, &[moved]).await.0, 200);
    let action = scene.action().await;
    assert_eq!(action.param("DialCallDuration"), "(absent)");
    assert_eq!(action.param("DialBridged"), "true");
    scene.sim.wait_for_status(leg, "completed").await;
    assert_eq!(scene.sim.report(leg).await["spoken"], json!(["Alone."]));
    assert_eq!(scene.ended().await["spoken"], json!(["Done."]));
}

#[tokio::test]
async fn refused_dial_fails_with_twilios_code() {
    for (caller, number, code) in [
        ("+12125550199", AGENT, 13214),
        (FROM, "none", 13223),
        (FROM, "+15005550001", 13224),
        (FROM, "+15005550003", 13227),
        (FROM, "+15005550004", 13225),
    ] {
        let first = format!(
            "<Response><Dial action=\"/action\" callerId=\"{caller}\">{number}</Dial></Response>"
        );
        let scene = scene(&first, json!({}), |_| {}).await;
        scene.ended().await;
        let action = scene.action().await;
        assert_eq!(action.param("DialCallStatus"), "failed", "{code}");
        assert_eq!(action.param("DialCallSid"), "(absent)", "{code}");
        assert!(scene.legs().await.is_empty(), "{code}");
        let is_code = |entry: &Value| entry["kind"] == "error" && entry["code"] == code;
        scene.sim.wait_for_log(&scene.sid, is_code).await;
    }
}

#[tokio::test]
async fn called_number_and_owned_and_verified_numbers_are_caller_ids() {
    let verified = "+12125550177";
    for caller in [LISTENER, FROM, verified] {
        let first = format!("<Response><Dial callerId=\"{caller}\">{AGENT}</Dial></Response>");
        let scene = scene(&first, json!({}), |config| {
            config.caller_ids = vec![verified.to_owned()];
        })
        .await;
        scene.ended().await;
        assert_eq!(scene.legs().await[0]["from"], caller);
    }
}

#[tokio::test]
async fn document_for_the_number_must_not_dial() {
    for verb in [
        "<Dial>+12125550100</Dial>",
        "<Redirect>/x</Redirect>",
        "<Record/>",
    ] {
        let document = format!("<Response>{verb}</Response>");
        let first = dial("", "<Number url=\"/whisper\">+12125559876</Number>");
        let app = App::responding(move |hit, _| match hit.path.as_str() {
            "/voice" => twiml(&first),
            "/whisper" => twiml(&document),
            _ => twiml("<Response/>"),
        })
        .await;
        let sim = Sim::start().await;
        let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
        sim.wait_for_status(&sid, "completed").await;
        let action = app.wait("/action", 1).await[0].clone();
        assert_eq!(action.param("DialBridged"), "false", "{verb}");
        let leg = sim.report(action.param("DialCallSid")).await;
        assert_eq!(leg["ended_by"], "error", "{verb}");
    }
}

#[tokio::test]
async fn leg_never_waits_for_the_accounts_dialling_rate() {
    let agent = json!({ AGENT: { "presses": ["1"] } });
    let scene = scene(&dial("", &whispered(AGENT)), agent, |config| {
        config.max_calls_per_second = Some(0.001);
    })
    .await;
    scene.ended().await;
    let leg = scene.legs().await[0].clone();
    assert_eq!(leg["queue_time"], "0");
    assert_eq!(leg["status"], "completed");
}
