//! Answering machine detection.

use serde_json::{Value, json};
use twilio_sim::clock::Speed;
use twilio_sim::scripted::Scripted;

use crate::support::{App, LISTENER, Sim, no_content, twiml};

#[tokio::test]
async fn machine_detection_delays_the_voice_request_and_reports_who_answered() {
    let (sim, app) = (Sim::start().await, App::start().await);
    for (to, mode, who) in [
        (LISTENER, "Enable", "human"),
        ("+12125550104", "Enable", "machine_start"),
        ("+12125550104", "DetectMessageEnd", "machine_end_beep"),
        ("+12125550111", "Enable", "fax"),
        ("+12125550108", "Enable", "unknown"),
    ] {
        let status_url = app.url(&format!("/{mode}/{who}"));
        let form = [
            ("Url", &*app.url("/voice")),
            ("StatusCallback", &status_url),
            ("MachineDetection", mode),
        ];
        let sid = sim.call(to, &form).await;
        assert_eq!(
            sim.wait_for_status(&sid, "completed").await["answered_by"],
            who
        );
        assert_eq!(app.hits("/voice").last().unwrap().param("AnsweredBy"), who);
        assert_eq!(
            app.wait(&format!("/{mode}/{who}"), 1).await[0].param("AnsweredBy"),
            who
        );
    }
}

#[tokio::test]
async fn background_machine_detection_has_its_own_callback() {
    let (sim, app) = (
        Sim::start().await,
        App::with_twiml("<Response><Pause length=\"60\"/></Response>").await,
    );
    let form = [
        ("Url", &*app.url("/voice")),
        ("MachineDetection", "Enable"),
        ("AsyncAmd", "true"),
        ("AsyncAmdStatusCallback", &app.url("/amd")),
    ];
    let sid = sim.call("+12125550104", &form).await;
    let hit = &app.wait("/amd", 1).await[0];
    assert_eq!(
        (hit.param("CallSid"), hit.param("AnsweredBy")),
        (sid.as_str(), "machine_start")
    );
    assert_eq!(hit.param("MachineDetectionDuration"), "4000");
    assert_eq!(app.hits("/voice")[0].param("AnsweredBy"), "(absent)");
}

/// Starts a call with detection in the background, and waits for its callback. Returns the call's SID and the result.
async fn detected(sim: &Sim, app: &App, to: &str, form: &[(&str, &str)]) -> (String, String) {
    let (voice, amd) = (app.url("/voice"), app.url(&format!("/amd/{to}")));
    let mut all = vec![
        ("Url", voice.as_str()),
        ("AsyncAmd", "true"),
        ("AsyncAmdStatusCallback", amd.as_str()),
        ("MachineDetection", "DetectMessageEnd"),
    ];
    all.extend(form);
    let sid = sim.call(to, &all).await;
    let hit = app.wait(&format!("/amd/{to}"), 1).await[0].clone();
    (sid, hit.param("AnsweredBy").to_owned())
}

const PAUSE: &str = "<Response><Pause length=\"3600\"/></Response>";

#[tokio::test]
async fn greeting_and_timeout_decide_about_the_result() {
    let (sim, app) = (Sim::start().await, App::with_twiml(PAUSE).await);
    for (to, timeout, expected) in [
        (LISTENER, "30", "human"),
        ("+12125550117", "59", "machine_end_beep"),
        ("+13035550117", "30", "human"),
        ("+12125550118", "30", "machine_end_silence"),
        ("+12125550119", "30", "machine_end_beep"),
    ] {
        let form = [("MachineDetectionTimeout", timeout)];
        let (_, result) = detected(&sim, &app, to, &form).await;
        assert_eq!(result, expected, "{to}");
    }
    for (name, value) in [
        ("MachineDetectionTimeout", "2"),
        ("MachineDetectionTimeout", "60"),
        ("MachineDetectionSpeechThreshold", "999"),
    ] {
        let form = [("Url", app.url("/voice")), (name, value.to_owned())];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        let (status, error) = sim
            .post(
                "/Calls.json",
                &[&[("To", LISTENER), ("From", "+15005550006")], &form[..]].concat(),
            )
            .await;
        assert_eq!((status.as_u16(), &error["code"]), (400, &json!(21234)));
    }
}

#[tokio::test]
async fn fault_plan_makes_detection_wrong() {
    let plan = json!({ "callbacks": [{ "kind": "amd", "action": "wrong", "event": "human" }] });
    let (sim, app) = (Sim::start().await, App::with_twiml(PAUSE).await);
    let url = format!("{}/_sim/faults", sim.origin);
    let put = |plan: Value| sim.client.put(&url).body(plan.to_string()).send();
    assert_eq!(put(plan).await.unwrap().status(), 200);
    let (_, result) = detected(&sim, &app, LISTENER, &[]).await;
    assert_eq!(result, "machine_end_beep");
    let (_, result) = detected(&sim, &app, "+12125550118", &[]).await;
    assert_eq!(result, "machine_end_silence");
    let misplaced = json!({ "callbacks": [{ "kind": "voice", "action": "wrong" }] });
    assert_eq!(put(misplaced).await.unwrap().status(), 400);
}

#[tokio::test]
async fn machine_records_from_the_end_of_its_greeting() {
    let script = br#"{"+12125559876": {"answerer": "machine", "greeting_seconds": 2.5}}"#;
    let sim = Sim::with(|config| config.callees = Scripted::parse(script).unwrap()).await;
    let document =
        "<Response><Say>One.</Say><Say>Two.</Say><Say>Three.</Say><Say>Four.</Say></Response>";
    let app = App::with_twiml(document).await;
    let sid = sim
        .call("+12125559876", &[("Url", &app.url("/voice"))])
        .await;
    sim.wait_for_status(&sid, "completed").await;
    let report = sim.report(&sid).await;
    let machine = &report["machine"];
    assert_eq!(
        (&machine["greeting_ms"], &machine["beeps"]),
        (&json!(2500), &json!(true))
    );
    let expected = json!([
        { "text": "Three.", "whole": false },
        { "text": "Four.", "whole": true },
    ]);
    assert_eq!(machine["recorded"], expected);
    let heard = report["heard"].as_array().unwrap();
    assert_eq!(heard.len(), 4);
    let times = |at: usize| {
        (
            heard[at]["from_ms"].as_u64().unwrap(),
            heard[at]["to_ms"].as_u64().unwrap(),
        )
    };
    assert_eq!(times(1).0, times(0).1);
    assert!((999..=1001).contains(&(times(3).1 - times(3).0)));
    let person = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    sim.wait_for_status(&person, "completed").await;
    let report = sim.report(&person).await;
    assert_eq!(
        (&report["machine"], &report["redirected_ms"]),
        (&Value::Null, &json!([]))
    );
}

#[tokio::test]
async fn update_after_the_result_comes_at_once_at_any_speed() {
    let message = "<Response><Say>The message.</Say></Response>";
    let sim = Sim::with(|config| config.speed = Speed::parse("2000").unwrap()).await;
    let (origin, account, token) = (sim.origin.clone(), sim.account.clone(), sim.token.clone());
    // The application takes a tenth of a second, which would be minutes of call time.
    let app = App::responding(move |hit, _| match hit.path.as_str() {
        "/voice" => twiml(PAUSE),
        "/amd/+12125550104" => {
            let url = format!(
                "{origin}/2010-04-01/Accounts/{account}/Calls/{}.json",
                hit.param("CallSid")
            );
            let (account, token) = (account.clone(), token.clone());
            std::thread::sleep(std::time::Duration::from_millis(100));
            tokio::spawn(async move {
                let request = crate::support::client()
                    .post(url)
                    .form(&[("Twiml", message)]);
                request
                    .basic_auth(account, Some(token))
                    .send()
                    .await
                    .unwrap();
            });
            crate::support::Reply {
                after: std::time::Duration::from_millis(400),
                ..no_content()
            }
        }
        _ => no_content(),
    })
    .await;
    let (sid, _) = detected(&sim, &app, "+12125550104", &[]).await;
    sim.wait_for_status(&sid, "completed").await;
    let report = sim.report(&sid).await;
    let expected = json!([{ "text": "The message.", "whole": true }]);
    assert_eq!(report["machine"]["recorded"], expected, "{report}");
    let from = report["heard"][0]["from_ms"].as_u64().unwrap();
    assert!((8_000..20_000).contains(&from), "{from}");
    let redirected = report["redirected_ms"].as_array().unwrap();
    assert_eq!(redirected.len(), 1);
    assert!((8_000..=from).contains(&redirected[0].as_u64().unwrap()));
}

#[tokio::test]
async fn cut_gather_requests_its_action_only_if_the_simulator_is_told_to() {
    let script = br#"{"+12125551234": {"presses": ["W4WWWWWWWWWWWWWWWWWWWWWWWWWWWWWW7"]}}"#;
    for is_reported in [false, true] {
        let sim = Sim::with(|config| {
            config.speed = Speed::parse("20").unwrap();
            config.callees = Scripted::parse(script).unwrap();
            config.report_cut_gathers = is_reported;
        })
        .await;
        let app =
            App::with_twiml("<Response><Gather action=\"/keys\" timeout=\"600\"/></Response>")
                .await;
        let sid = sim
            .call("+12125551234", &[("Url", &app.url("/voice"))])
            .await;
        sim.wait_for_log(&sid, |entry| entry["kind"] == "key").await;
        let twiml = ("Twiml", "<Response><Say>Other.</Say></Response>");
        sim.post(&format!("/Calls/{sid}.json"), &[twiml]).await;
        sim.wait_for_status(&sid, "completed").await;
        assert_eq!(sim.report(&sid).await["spoken"], json!(["Other."]));
        if is_reported {
            let hit = &app.wait("/keys", 1).await[0];
            assert_eq!(
                (hit.param("Digits"), hit.param("CallStatus")),
                ("4", "in-progress")
            );
        } else {
            assert!(app.hits("/keys").is_empty());
        }
    }
}
