//! Tests the TwiML of steps.

use outdial::{
    domain::{Place, Speech},
    service::steps::render,
    twilio::{step_retry, step_url},
};
use serde_json::json;

use crate::support::{keyed, steps};

const URL: &str = "https://example.com/twilio/voice?token=a%20b&call_id=1b4e&step=start&retry=1";
const BASE: &str = "https://example.com/twilio/voice?token=a%20b&amp;call_id=1b4e";
const OVERRIDES: &str = "#rc=1&amp;ct=1500&amp;rt=4000&amp;tt=9000";

fn speech() -> Speech {
    Speech::configured("woman".parse().unwrap(), "en-US".parse().unwrap())
}

fn body(document: &str) -> &str {
    let body = document.strip_prefix(r#"<?xml version="1.0" encoding="UTF-8"?><Response>"#);
    body.and_then(|body| body.strip_suffix("</Response>"))
        .unwrap()
}

#[test]
fn ask_is_a_gather_and_then_a_redirect() {
    let steps = steps(json!([
        { "say": ["Hello & welcome.", { "text": "Hola.", "language": "es-MX" }] },
        { "id": "code", "ask": [{ "spell": "4A", "repeat": 2 }, "Press 1."], "options": { "1": {}, "2": {} } },
    ]));
    let document = render(
        &steps.first(),
        URL,
        &speech(),
        Some("This call is recorded."),
    );
    let say = |text: &str| format!(r#"<Say language="en-US" voice="woman">{text}</Say>"#);
    let hola = r#"<Say language="es-MX" voice="Polly.Mia">Hola.</Say>"#;
    let place = "step=code&amp;try=1&amp;tries=3&amp;repeats=0&amp;from=0";
    let gather = format!(
        r#"<Gather action="{BASE}&amp;{place}&amp;keys=12{OVERRIDES}" finishOnKey="" input="dtmf" method="POST" numDigits="1" timeout="5">{}{}{hola}{}{}{}</Gather>"#,
        say("This call is recorded."),
        say("Hello &amp; welcome."),
        say("4, A"),
        say("4, A"),
        say("Press 1."),
    );
    let redirect =
        format!(r#"<Redirect method="POST">{BASE}&amp;{place}&amp;end=2{OVERRIDES}</Redirect>"#);
    assert_eq!(body(&document), gather + &redirect);
}

#[test]
fn ssml_is_spoken_with_the_voice_of_its_part() {
    let steps = steps(json!([{ "say": [
        { "ssml": "One<break time=\"1s\"/> &amp; two.", "voice": "Polly.Joanna" },
        { "ssml": "<p>Three.</p>" },
    ] }]));
    let document = render(&steps.first(), URL, &speech(), None);
    let spoken = concat!(
        r#"<Say language="en-US" voice="Polly.Joanna">One<break time="1s"></break> &amp; two.</Say>"#,
        r#"<Say language="en-US" voice="woman">Three.</Say><Redirect "#,
    );
    assert!(body(&document).starts_with(spoken), "{document}");
}

#[test]
fn ask_for_digits_ends_with_a_hash_and_its_silence_proves_nothing() {
    let steps =
        steps(json!([{ "id": "pin", "ask": "PIN?", "max_digits": 4, "timeout_seconds": 9 }]));
    let document = render(&steps.first(), URL, &speech(), None);
    assert!(
        document
            .contains(r##"finishOnKey="#" input="dtmf" method="POST" numDigits="4" timeout="9""##),
        "{document}"
    );
    assert!(!document.contains("&amp;end="), "{document}");
    assert!(!document.contains("keys="), "{document}");
}

#[test]
fn end_is_a_redirect_that_proves_what_was_said() {
    let said = steps(json!([{ "say": "Hello." }]));
    let document = render(&said.first(), URL, &speech(), None);
    let end =
        format!(r#"<Redirect method="POST">{BASE}&amp;step=end&amp;end=1{OVERRIDES}</Redirect>"#);
    assert!(document.contains(&end), "{document}");
    let asked =
        steps(json!([{ "id": "a", "ask": "A?", "options": { "1": { "say": "Thank you." } } }]));
    let after = asked.after_keys(&keyed(&asked.first()), "1").unwrap();
    let document = render(&after, URL, &speech(), None);
    let end = format!(r#"<Redirect method="POST">{BASE}&amp;step=end{OVERRIDES}</Redirect>"#);
    assert!(document.contains(&end), "{document}");
}

#[test]
fn url_of_a_place_replaces_the_old_place() {
    let url = step_url(
        "https://example.com/v?call_id=1&step=a&try=1&pressed=1&retry=2&fallback=1",
        &Place::End(true),
    );
    assert_eq!(
        url,
        "https://example.com/v?call_id=1&step=end&end=1#rc=1&ct=1500&rt=4000&tt=9000"
    );
    let url = step_url("https://example.com/v", &Place::Start);
    assert_eq!(
        url,
        "https://example.com/v?step=start#rc=1&ct=1500&rt=4000&tt=9000"
    );
}

#[test]
fn redirect_to_the_same_place_carries_the_keys() {
    let url = "https://example.com/v?call_id=1&step=a";
    let once = step_retry(url, Some("#1")).unwrap();
    assert!(
        once.starts_with("https://example.com/v?call_id=1&step=a&retry=1&pressed=%231#"),
        "{once}"
    );
    let again = step_retry(once.split_once('#').unwrap().0, Some("#1")).unwrap();
    assert!(
        again.starts_with("https://example.com/v?call_id=1&step=a&pressed=%231&retry=2#"),
        "{again}"
    );
    assert!(!step_retry(url, None).unwrap().contains("pressed"));
}
