use std::time::{Duration, Instant};

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use crate::support::{ALL_EVENTS, App, FROM, LISTENER, Sim, twiml};

#[tokio::test]
async fn a_call_goes_through_every_state_and_tells_each() {
    let (sim, app) = (
        Sim::start().await,
        App::speaking("<Response><Pause length=\"42\"/><Hangup/></Response>").await,
    );
    let (voice, told) = (app.url("/voice?call_id=1"), app.url("/status"));
    let mut form = vec![("Url", voice.as_str()), ("StatusCallback", told.as_str())];
    form.extend(ALL_EVENTS);
    let sid = sim.call(LISTENER, &form).await;
    let hits = app.wait("/status", 4).await;
    let seen: Vec<(&str, &str)> = hits
        .iter()
        .map(|hit| (hit.param("CallStatus"), hit.param("SequenceNumber")))
        .collect();
    assert_eq!(
        seen,
        [
            ("initiated", "0"),
            ("ringing", "1"),
            ("in-progress", "2"),
            ("completed", "3")
        ]
    );
    for hit in &hits {
        assert_eq!(hit.param("CallSid"), sid);
        assert_eq!(hit.param("CallbackSource"), "call-progress-events");
        assert!(
            hit.param("Timestamp").ends_with(" +0000"),
            "{}",
            hit.param("Timestamp")
        );
    }
    let last = &hits[3];
    assert_eq!(last.param("CallDuration"), "42");
    assert_eq!(last.param("Duration"), "1");
    assert_eq!(last.param("SipResponseCode"), "200");
    assert_eq!(hits[2].param("CallDuration"), "(absent)");
    let call = sim.fetch(&sid).await;
    assert_eq!(call["status"], "completed");
    assert_eq!(call["duration"], "42");
    assert_eq!(app.hits("/voice")[0].query, "call_id=1");
}

#[tokio::test]
async fn a_call_lasts_as_long_as_what_is_said_whatever_the_speed() {
    let app = App::speaking(&format!(
        "<Response><Say>{}</Say></Response>",
        "x".repeat(150)
    ))
    .await;
    for speed in ["50", "2000"] {
        let sim =
            Sim::with(|config| config.speed = twilio_sim::clock::Speed::parse(speed).unwrap())
                .await;
        let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
        assert_eq!(sim.reaches(&sid, "completed").await["duration"], "10");
    }
}

#[tokio::test]
async fn completed_alone_is_told_by_default() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let sid = sim
        .call(
            LISTENER,
            &[
                ("Url", &app.url("/voice")),
                ("StatusCallback", &app.url("/status")),
            ],
        )
        .await;
    let hits = app.wait("/status", 1).await;
    sim.reaches(&sid, "completed").await;
    assert_eq!(hits.len(), 1);
    assert_eq!(
        (hits[0].param("CallStatus"), hits[0].param("SequenceNumber")),
        ("completed", "0")
    );
}

#[tokio::test]
async fn a_wrong_event_is_accepted_and_then_no_callback_ever_comes() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let form = [
        ("Url", &*app.url("/voice")),
        ("StatusCallback", &app.url("/status")),
        ("StatusCallbackEvent", "completed"),
        ("StatusCallbackEvent", "initiated ringing"),
        ("Record", "true"),
        ("RecordingStatusCallback", &app.url("/recording")),
    ];
    sim.call("+12125550104", &form).await;
    // The recording's callback comes after any other would have.
    app.wait("/recording", 1).await;
    assert_eq!(app.hits("/status").len(), 0);
}

#[tokio::test]
async fn numbers_tell_how_calls_end() {
    let (sim, app) = (Sim::start().await, App::start().await);
    for (to, status, sip, seconds_before) in [
        (
            "+12125550101",
            "busy",
            "486",
            ["initiated", "ringing"].as_slice(),
        ),
        (
            "+12125550102",
            "no-answer",
            "487",
            &["initiated", "ringing"],
        ),
        ("+12125550103", "failed", "404", &["initiated"]),
    ] {
        let told = app.url(&format!("/{status}"));
        let mut form = vec![
            ("Url", "https://example.com/never"),
            ("StatusCallback", told.as_str()),
        ];
        form.extend(ALL_EVENTS);
        let sid = sim.call(to, &form).await;
        let call = sim.reaches(&sid, status).await;
        assert_eq!(call["duration"], "0");
        let hits = app
            .wait(&format!("/{status}"), seconds_before.len() + 1)
            .await;
        let (last, before) = hits.split_last().unwrap();
        assert!(
            before
                .iter()
                .map(|hit| hit.param("CallStatus"))
                .eq(seconds_before.iter().copied())
        );
        assert_eq!(last.param("CallStatus"), status);
        assert_eq!(last.param("SipResponseCode"), sip);
        assert_eq!(
            (last.param("CallDuration"), last.param("Duration")),
            ("0", "0")
        );
    }
}

#[tokio::test]
async fn a_phone_that_rings_longer_than_the_timeout_is_not_answered() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let voice = app.url("/voice");
    let patient = sim
        .call("+12125550112", &[("Url", &voice), ("Timeout", "30")])
        .await;
    let hasty = sim
        .call("+12125550112", &[("Url", &voice), ("Timeout", "10")])
        .await;
    sim.reaches(&patient, "completed").await;
    sim.reaches(&hasty, "no-answer").await;
    assert_eq!(app.hits("/voice").len(), 1);
}

#[tokio::test]
async fn the_time_limit_ends_a_call_that_would_go_on_for_ever() {
    let (sim, app) = (
        Sim::start().await,
        App::speaking("<Response><Say loop=\"0\">For ever.</Say></Response>").await,
    );
    let sid = sim
        .call(
            LISTENER,
            &[("Url", &app.url("/voice")), ("TimeLimit", "120")],
        )
        .await;
    assert_eq!(sim.reaches(&sid, "completed").await["duration"], "120");
}

#[tokio::test]
async fn a_caller_who_hangs_up_early_ends_the_call() {
    let (sim, app) = (
        Sim::start().await,
        App::speaking("<Response><Pause length=\"60\"/></Response>").await,
    );
    let sid = sim
        .call("+12125550105", &[("Url", &app.url("/voice"))])
        .await;
    assert_eq!(sim.reaches(&sid, "completed").await["duration"], "4");
}

#[tokio::test]
async fn machine_detection_holds_the_voice_request_up_and_tells_who_answered() {
    let (sim, app) = (Sim::start().await, App::start().await);
    for (to, mode, who) in [
        (LISTENER, "Enable", "human"),
        ("+12125550104", "Enable", "machine_start"),
        ("+12125550104", "DetectMessageEnd", "machine_end_beep"),
        ("+12125550111", "Enable", "fax"),
        ("+12125550108", "Enable", "unknown"),
    ] {
        let told = app.url(&format!("/{mode}/{who}"));
        let form = [
            ("Url", &*app.url("/voice")),
            ("StatusCallback", &told),
            ("MachineDetection", mode),
        ];
        let sid = sim.call(to, &form).await;
        assert_eq!(sim.reaches(&sid, "completed").await["answered_by"], who);
        assert_eq!(app.hits("/voice").last().unwrap().param("AnsweredBy"), who);
        assert_eq!(
            app.wait(&format!("/{mode}/{who}"), 1).await[0].param("AnsweredBy"),
            who
        );
    }
}

#[tokio::test]
async fn machine_detection_in_the_background_has_a_callback_of_its_own() {
    let (sim, app) = (
        Sim::start().await,
        App::speaking("<Response><Pause length=\"60\"/></Response>").await,
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

#[tokio::test]
async fn calls_beyond_the_rate_stay_queued() {
    let app = App::start().await;
    let voice = app.url("/voice");
    let sim = Sim::with(|config| config.max_calls_per_second = Some(0.0001)).await;
    let first = sim.call(LISTENER, &[("Url", &voice)]).await;
    let second = sim.call(LISTENER, &[("Url", &voice)]).await;
    sim.reaches(&first, "completed").await;
    assert_eq!(sim.fetch(&second).await["status"], "queued");
}

#[tokio::test]
async fn a_queued_call_is_dialled_when_the_rate_allows_it() {
    let app = App::start().await;
    let voice = app.url("/voice");
    let sim = Sim::with(|config| config.max_calls_per_second = Some(1.0 / 600.0)).await;
    let begun = Instant::now();
    sim.call(LISTENER, &[("Url", &voice)]).await;
    let second = sim.call(LISTENER, &[("Url", &voice)]).await;
    // Of the ten minutes, so much at most had passed when the second call came. Times are told in whole seconds.
    let passed = begun.elapsed().as_secs_f64() * 600.0 + 1.0;
    let call = sim.reaches(&second, "completed").await;
    let queued = time(&call, "start_time") - time(&call, "date_created");
    assert!(
        queued.as_seconds_f64() >= 600.0 - passed,
        "{queued} {passed}"
    );
}

#[tokio::test]
async fn inline_twiml_is_played_without_asking_anyone() {
    let sim = Sim::start().await;
    let sid = sim
        .call(
            LISTENER,
            &[("Twiml", "<Response><Say>Inline.</Say></Response>")],
        )
        .await;
    sim.reaches(&sid, "completed").await;
    assert_eq!(
        sim.truth(&sid).await["spoken"],
        serde_json::json!(["Inline."])
    );
}

#[tokio::test]
async fn redirects_lead_on_relative_to_the_document_and_nothing_after_them_is_played() {
    let app = App::answering(|hit, _| match hit.path.as_str() {
        "/a/first" => twiml("<Response><Say>One.</Say><Redirect method=\"GET\">second?x=1</Redirect><Say>Never.</Say></Response>"),
        _ => twiml("<Response><Say>Two.</Say></Response>"),
    })
    .await;
    let sim = Sim::start().await;
    let sid = sim.call(LISTENER, &[("Url", &app.url("/a/first"))]).await;
    sim.reaches(&sid, "completed").await;
    assert_eq!(
        sim.truth(&sid).await["spoken"],
        serde_json::json!(["One.", "Two."])
    );
    let second = &app.hits("/a/second")[0];
    assert_eq!(second.method, "GET");
    assert!(second.query.starts_with("x=1&"), "{}", second.query);
    assert!(second.query.contains("CallStatus=in-progress"));
}

#[tokio::test]
async fn a_document_that_leads_to_itself_ends_the_call_in_the_end() {
    let sim = Sim::start().await;
    let sid = sim
        .call(LISTENER, &[("Twiml", "<Response><Redirect/></Response>")])
        .await;
    let log = sim.log(&sid, |entry| entry["kind"] == "error").await;
    assert!(log.iter().any(|entry| entry["code"] == 11215));
    sim.reaches(&sid, "completed").await;
}

#[tokio::test]
async fn a_rejected_call_has_been_answered_and_is_completed() {
    let (sim, app) = (
        Sim::start().await,
        App::speaking("<Response><Reject reason=\"busy\"/></Response>").await,
    );
    let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    sim.reaches(&sid, "completed").await;
}

#[tokio::test]
async fn an_empty_document_and_204_hang_up() {
    let app = App::answering(|hit, _| {
        if hit.path == "/empty" {
            twiml("<Response/>")
        } else {
            crate::support::nothing()
        }
    })
    .await;
    let sim = Sim::start().await;
    for path in ["/empty", "/nothing"] {
        let sid = sim.call(LISTENER, &[("Url", &app.url(path))]).await;
        sim.reaches(&sid, "completed").await;
        assert_eq!(sim.truth(&sid).await["spoken"], serde_json::json!([]));
    }
}

#[tokio::test]
async fn every_verb_takes_its_time() {
    let app = App::answering(|hit, _| match hit.path.as_str() {
        "/pause" => twiml("<Response><Pause/><Pause length=\"4\"/></Response>"),
        "/say" => twiml(&format!("<Response><Say loop=\"2\">{}</Say></Response>", "x".repeat(75))),
        "/play" => twiml("<Response><Play loop=\"2\">http://127.0.0.1:1/a.mp3</Play></Response>"),
        "/digits" => twiml("<Response><Play digits=\"ww12WW\"/></Response>"),
        "/break" => twiml("<Response><Say><break time=\"3s\"/><p><break time=\"500ms\"/><break time=\"1.5s\"/></p></Say></Response>"),
        _ => crate::support::nothing(),
    })
    .await;
    let sim = Sim::start().await;
    for (path, seconds) in [
        ("/pause", "5"),
        ("/say", "10"),
        ("/play", "10"),
        ("/digits", "3"),
        ("/break", "5"),
    ] {
        let sid = sim.call(LISTENER, &[("Url", &app.url(path))]).await;
        assert_eq!(
            sim.reaches(&sid, "completed").await["duration"],
            seconds,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_voice_request_has_the_whole_parameter_list_empty_strings_included() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    let params = app.wait("/voice", 1).await[0].params();
    for (name, value) in [
        ("AccountSid", sim.account.as_str()),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", &sid),
        ("CallStatus", "in-progress"),
        ("Direction", "outbound-api"),
        ("From", FROM),
        ("To", LISTENER),
        ("Caller", FROM),
        ("Called", LISTENER),
        ("ForwardedFrom", ""),
        ("CallerName", ""),
        ("ParentCallSid", ""),
        ("ToCountry", "US"),
        ("ToCity", ""),
        ("FromState", ""),
        ("CallerZip", ""),
        ("CalledCountry", "US"),
    ] {
        assert_eq!(params.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(params.len(), 28);
}

#[tokio::test]
async fn digits_to_send_are_sent_before_the_voice_request() {
    let (sim, app) = (Sim::start().await, App::speaking("<Response/>").await);
    let sid = sim
        .call(
            LISTENER,
            &[("Url", &app.url("/voice")), ("SendDigits", "WWWW")],
        )
        .await;
    assert_eq!(sim.reaches(&sid, "completed").await["duration"], "4");
}

#[tokio::test]
async fn a_number_that_is_queued_for_long_is_dialled_then() {
    let (sim, app) = (Sim::start().await, App::start().await);
    let sid = sim
        .call("+12125550109", &[("Url", &app.url("/voice"))])
        .await;
    let call = sim.reaches(&sid, "completed").await;
    let queued = time(&call, "start_time") - time(&call, "date_created");
    assert!(
        queued >= chrono::TimeDelta::from_std(Duration::from_secs(30)).unwrap(),
        "{queued}"
    );
}

fn time(call: &Value, name: &str) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc2822(call[name].as_str().unwrap()).unwrap()
}
