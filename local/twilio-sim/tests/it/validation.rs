//! Validation of the parameters of calls.

use crate::support::{FROM, LISTENER, Sim};

const DOCUMENT: &str = "<Response/>";
const VOICE: &str = "http://127.0.0.1:1/voice";

async fn refused(sim: &Sim, form: &[(&str, &str)], code: u64) {
    let (status, error) = sim.post("/Calls.json", form).await;
    assert_eq!(
        (status.as_u16(), error["code"].as_u64()),
        (400, Some(code)),
        "{form:?}: {error}"
    );
    assert_eq!(error["status"], 400);
    assert_eq!(
        error["more_info"],
        format!("https://www.twilio.com/docs/errors/{code}")
    );
    assert!(!error["message"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn missing_or_invalid_number_is_refused() {
    let sim = Sim::start().await;
    let url = ("Url", VOICE);
    refused(&sim, &[("From", FROM), url], 21201).await;
    refused(&sim, &[("To", ""), ("From", FROM), url], 21201).await;
    refused(&sim, &[("To", LISTENER), url], 21213).await;
    for to in [
        "hello",
        "+",
        "+0123456789",
        "12345",
        "+1234567890123456",
        "+1212555x234",
    ] {
        refused(&sim, &[("To", to), ("From", FROM), url], 21211).await;
    }
    for from in ["hello", "+15005550001"] {
        refused(&sim, &[("To", LISTENER), ("From", from), url], 21212).await;
    }
    let (_, list) = sim.get("/Calls.json").await;
    assert_eq!(list["calls"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn test_numbers_of_twilio_are_refused_with_its_codes() {
    let sim = Sim::start().await;
    for (to, code) in [
        ("+15005550001", 21217),
        ("+15005550002", 21214),
        ("+15005550003", 21215),
        ("+15005550004", 21216),
    ] {
        refused(&sim, &[("To", to), ("From", FROM), ("Url", VOICE)], code).await;
    }
}

#[tokio::test]
async fn call_needs_instructions_from_a_valid_url() {
    let sim = Sim::start().await;
    let ends = [("To", LISTENER), ("From", FROM)];
    refused(&sim, &ends, 21205).await;
    for url in [
        "nonsense",
        "ftp://example.com/",
        "https://under_score.example.com/",
        "https://",
    ] {
        refused(&sim, &[ends[0], ends[1], ("Url", url)], 21205).await;
    }
    refused(
        &sim,
        &[
            ends[0],
            ends[1],
            ("ApplicationSid", "AP00000000000000000000000000000000"),
        ],
        21218,
    )
    .await;
    refused(
        &sim,
        &[ends[0], ends[1], ("Twiml", &"x".repeat(4_001))],
        32018,
    )
    .await;
}

#[tokio::test]
async fn number_that_the_account_does_not_have_is_refused_unless_any_is_allowed() {
    const UNOWNED: &str = "+14155550100";
    let form = [("To", LISTENER), ("From", UNOWNED), ("Url", VOICE)];
    refused(&Sim::start().await, &form, 21210).await;
    let verified = Sim::with(|config| config.caller_ids = vec![UNOWNED.to_owned()]).await;
    let any = Sim::with(|config| config.any_from = true).await;
    for (sim, has_sid) in [(verified, true), (any, false)] {
        let (status, call) = sim.post("/Calls.json", &form).await;
        assert_eq!(status, 201, "{call}");
        assert_eq!(call["phone_number_sid"].is_string(), has_sid);
    }
}

#[tokio::test]
async fn strict_urls_must_be_https_to_another_machine() {
    let sim = Sim::with(|config| config.strict_urls = true).await;
    let ends = [("To", LISTENER), ("From", FROM)];
    for url in [
        VOICE,
        "https://localhost/voice",
        "https://127.0.0.1/voice",
        "https://[::1]/voice",
        "http://example.com/",
    ] {
        refused(&sim, &[ends[0], ends[1], ("Url", url)], 21205).await;
    }
    let form = [ends[0], ends[1], ("Url", "https://example.com/voice")];
    assert_eq!(sim.post("/Calls.json", &form).await.0, 201);
}

#[tokio::test]
async fn parameters_out_of_range_are_refused() {
    let sim = Sim::start().await;
    for (name, value, code) in [
        ("Timeout", "0", 21208),
        ("Timeout", "601", 21208),
        ("Timeout", "soon", 21208),
        ("TimeLimit", "0", 20001),
        ("Method", "PUT", 21209),
        ("FallbackMethod", "PUT", 21209),
        ("StatusCallbackMethod", "PUT", 21209),
        ("FallbackUrl", "nonsense", 21205),
        ("StatusCallback", "nonsense", 21609),
        ("RecordingStatusCallback", "nonsense", 21609),
        ("SendDigits", "hello", 21206),
        ("Record", "perhaps", 20001),
        ("RecordingChannels", "quad", 20001),
        ("RecordingTrack", "left", 20001),
        ("MachineDetection", "Perhaps", 20001),
    ] {
        refused(
            &sim,
            &[
                ("To", LISTENER),
                ("From", FROM),
                ("Twiml", DOCUMENT),
                (name, value),
            ],
            code,
        )
        .await;
    }
}

#[tokio::test]
async fn update_with_an_invalid_status_is_refused() {
    let sim = Sim::start().await;
    let sid = sim
        .call(
            LISTENER,
            &[("Twiml", "<Response><Pause length=\"600\"/></Response>")],
        )
        .await;
    let (status, error) = sim
        .post(&format!("/Calls/{sid}.json"), &[("Status", "busy")])
        .await;
    assert_eq!(
        (status.as_u16(), error["code"].as_u64()),
        (400, Some(20001))
    );
}

#[tokio::test]
async fn sip_addresses_and_clients_can_be_called() {
    let sim = Sim::start().await;
    for to in ["sip:someone@example.com", "client:someone"] {
        let sid = sim.call(to, &[("Twiml", DOCUMENT)]).await;
        assert_eq!(sim.wait_for_status(&sid, "completed").await["to"], to);
    }
}
