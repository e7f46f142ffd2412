//! Executing TwiML documents, and the requests for them.

use crate::support::{App, FROM, LISTENER, Sim, twiml};

#[tokio::test]
async fn inline_twiml_is_played_without_a_request() {
    let sim = Sim::start().await;
    let sid = sim
        .call(
            LISTENER,
            &[("Twiml", "<Response><Say>Inline.</Say></Response>")],
        )
        .await;
    sim.wait_for_status(&sid, "completed").await;
    assert_eq!(
        sim.report(&sid).await["spoken"],
        serde_json::json!(["Inline."])
    );
}

#[tokio::test]
async fn redirect_is_relative_to_its_document_and_skips_later_verbs() {
    let app = App::responding(|hit, _| match hit.path.as_str() {
        "/a/first" => twiml("<Response><Say>One.</Say><Redirect method=\"GET\">second?x=1</Redirect><Say>Never.</Say></Response>"),
        _ => twiml("<Response><Say>Two.</Say></Response>"),
    })
    .await;
    let sim = Sim::start().await;
    let sid = sim.call(LISTENER, &[("Url", &app.url("/a/first"))]).await;
    sim.wait_for_status(&sid, "completed").await;
    assert_eq!(
        sim.report(&sid).await["spoken"],
        serde_json::json!(["One.", "Two."])
    );
    let second = &app.hits("/a/second")[0];
    assert_eq!(second.method, "GET");
    assert!(second.query.starts_with("x=1&"), "{}", second.query);
    assert!(second.query.contains("CallStatus=in-progress"));
}

#[tokio::test]
async fn endless_redirect_ends_the_call() {
    let sim = Sim::start().await;
    let sid = sim
        .call(LISTENER, &[("Twiml", "<Response><Redirect/></Response>")])
        .await;
    let log = sim
        .wait_for_log(&sid, |entry| entry["kind"] == "error")
        .await;
    assert!(log.iter().any(|entry| entry["code"] == 11215));
    sim.wait_for_status(&sid, "completed").await;
}

#[tokio::test]
async fn rejected_call_is_completed() {
    let (sim, app) = (
        Sim::start().await,
        App::with_twiml("<Response><Reject reason=\"busy\"/></Response>").await,
    );
    let sid = sim.call(LISTENER, &[("Url", &app.url("/voice"))]).await;
    sim.wait_for_status(&sid, "completed").await;
}

#[tokio::test]
async fn empty_document_and_204_hang_up() {
    let app = App::responding(|hit, _| {
        if hit.path == "/empty" {
            twiml("<Response/>")
        } else {
            crate::support::no_content()
        }
    })
    .await;
    let sim = Sim::start().await;
    for path in ["/empty", "/nothing"] {
        let sid = sim.call(LISTENER, &[("Url", &app.url(path))]).await;
        sim.wait_for_status(&sid, "completed").await;
        assert_eq!(sim.report(&sid).await["spoken"], serde_json::json!([]));
    }
}

#[tokio::test]
async fn each_verb_takes_its_documented_time() {
    let app = App::responding(|hit, _| match hit.path.as_str() {
        "/pause" => twiml("<Response><Pause/><Pause length=\"4\"/></Response>"),
        "/say" => twiml(&format!("<Response><Say loop=\"2\">{}</Say></Response>", "x".repeat(75))),
        "/play" => twiml("<Response><Play loop=\"2\">/a.mp3</Play></Response>"),
        "/a.mp3" => crate::support::audio("audio/mpeg"),
        "/digits" => twiml("<Response><Play digits=\"ww12WW\"/></Response>"),
        "/break" => twiml("<Response><Say><break time=\"3s\"/><p><break time=\"500ms\"/><break time=\"1.5s\"/></p></Say></Response>"),
        _ => crate::support::no_content(),
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
            sim.wait_for_status(&sid, "completed").await["duration"],
            seconds,
            "{path}"
        );
    }
}

#[tokio::test]
async fn voice_request_has_all_parameters_including_empty_ones() {
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
async fn digits_are_sent_before_the_voice_request() {
    let (sim, app) = (Sim::start().await, App::with_twiml("<Response/>").await);
    let sid = sim
        .call(
            LISTENER,
            &[("Url", &app.url("/voice")), ("SendDigits", "WWWW")],
        )
        .await;
    assert_eq!(
        sim.wait_for_status(&sid, "completed").await["duration"],
        "4"
    );
}
