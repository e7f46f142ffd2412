//! The functions print JSON lines without secrets and personal data, at every log level and whatever happens.

mod host;
mod lines;
mod marks;
mod refusals;
mod scenario;
mod scenario_calls;
mod startup;

use std::collections::BTreeSet;

use lambda::Function;
use reqwest::Method;
use serde_json::{Value, json};

use host::send;
use lines::Lines;
use marks::{EMAIL, NAME, NUMBER};
use scenario::Scenario;

#[tokio::test]
async fn nothing_secret_or_personal_is_printed_at_log_level_trace() {
    let mut scenario = Scenario::begin().await;
    let health = send(scenario.host.request(Method::GET, "/health")).await;
    assert_eq!(health.status, 200, "{}", health.text);
    let page = format!("/console/{NAME}/{NUMBER}?{EMAIL}");
    let page = send(scenario.host.request(Method::GET, &page)).await;
    assert_eq!(page.status, 404, "{}", page.text);
    let user_id = scenario.users().await;
    scenario.bad_requests().await;
    let (call_id, sid) = scenario.call(&user_id).await;
    scenario
        .ask("DELETE", &format!("/users/{user_id}"), Value::Null, 409)
        .await;
    scenario.webhooks(&call_id, &sid).await;
    scenario.lost_dial(&user_id).await;
    scenario.outage(&user_id, &call_id, &sid).await;

    let printed = scenario.host.printed();
    assert_eq!(marks::find(&printed), []);
    let lines = Lines::read(&printed);
    assert_eq!(lines.all("function"), Function::names().collect());
    lines.assert_context();
    assert_messages(&lines, &scenario, &call_id);
    assert_metrics(&lines);
}

/// Checks that each refusal, each step of the call and each event has its log line.
fn assert_messages(lines: &Lines, scenario: &Scenario, call_id: &str) {
    for (request_id, status) in &scenario.refused {
        let told = lines.with("request_id", &request_id[..]);
        let answered = told
            .iter()
            .any(|line| line.get("status") == Some(&json!(status)));
        assert!(
            answered,
            "no line of {request_id}, which was answered {status}: {told:?}"
        );
    }
    let of_the_call: BTreeSet<_> = lines
        .with("call_id", call_id)
        .iter()
        .filter_map(|line| line["function"].as_str())
        .collect();
    for function in ["outbound-calls", "voice", "status", "recording", "replay"] {
        assert!(of_the_call.contains(function), "{of_the_call:?}");
    }
    assert!(
        lines.all("to").contains("**********13"),
        "{:?}",
        lines.all("to")
    );
    assert!(lines.all("email").contains("z***@mail.example.com"));
    let messages = lines.all("message");
    for message in [
        "user created",
        "a stored document cannot be read",
        "dialled",
        "dial outcome unknown",
        "suspected double dial",
        "webhook of an unknown call ignored",
        "voice request of an unknown call",
        "malformed voice request",
        "script unavailable, redirected",
        "script unavailable, apologized",
        "delivery none queued",
        "voice failed, fallback answered",
        "webhook queued",
        "queued webhook applied",
        "queued webhook not applied",
        "call unknown to Twilio, given up",
        "reconciled",
        "handled",
        "failed",
    ] {
        assert!(
            messages.contains(message),
            "no {message:?} in {messages:#?}"
        );
    }
}

/// Checks each metric's dimensions and sum.
fn assert_metrics(lines: &Lines) {
    for (name, dimensions) in lines.metrics.keys() {
        let dimensions: Vec<_> = dimensions.keys().map(String::as_str).collect();
        match &name[..] {
            "RefusedCalls" => assert_eq!(dimensions, ["Rule"]),
            "DialOutcomes" => assert_eq!(dimensions, ["Outcome"]),
            _ => assert_eq!(dimensions, [""; 0], "{name}"),
        }
    }
    for (name, dimension, times) in [
        ("CallsPlaced", None, 2.0),
        ("RefusedCalls", Some(("Rule", "country_not_allowed")), 1.0),
        ("RefusedCalls", Some(("Rule", "own_number")), 1.0),
        ("DialOutcomes", Some(("Outcome", "accepted")), 1.0),
        ("DialOutcomes", Some(("Outcome", "unknown")), 1.0),
        ("ReconciledCalls", None, 1.0),
        ("SpilledWebhooks", None, 4.0),
        ("ReplayedWebhooks", None, 4.0),
        ("Apologies", None, 2.0),
        ("Fallbacks", None, 1.0),
        ("FailedReplays", None, 2.0),
        ("OrphanWebhooks", None, 2.0),
        ("UnreadableDocuments", None, 1.0),
        ("SuspectedDoubleDials", None, 1.0),
        ("UnauthorizedRequests", None, 3.0),
        ("BadSignatures", None, 5.0),
    ] {
        assert!(
            (lines.sum(name, dimension) - times).abs() < 0.5,
            "{name} {dimension:?} is {}",
            lines.sum(name, dimension)
        );
    }
    assert!(lines.sum("DuplicateWebhooks", None) >= 1.0);
    let (_, lags) = lines
        .metrics
        .iter()
        .find(|((name, _), _)| name == "WebhookLag")
        .expect("webhooks were applied");
    assert!(
        lags.len() >= 4 && lags.iter().all(|lag| *lag >= 0.0),
        "{lags:?}"
    );
    let of_last_year = |lag: &&f64| **lag > 1e6;
    assert!(lags.iter().filter(of_last_year).count() <= 1, "{lags:?}");
}
