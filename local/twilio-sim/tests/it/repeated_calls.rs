//! Numbers that behave differently for their first calls.

use serde_json::Value;
use twilio_sim::callee::{Outcome, callee};

use crate::support::{DataFile, Sim};

/// Plays a call to its end, and returns its status and `answered_by`.
async fn outcome(sim: &Sim, to: &str) -> (String, Value) {
    let twiml = "<Response><Pause length=\"1\"/></Response>";
    let form = [("Twiml", twiml), ("MachineDetection", "Enable")];
    let sid = sim.call(to, &form).await;
    sim.wait_for_log(&sid, |entry| {
        let ends = ["busy", "no-answer", "failed", "completed"];
        entry["kind"] == "call.status" && ends.iter().any(|end| entry["status"] == *end)
    })
    .await;
    let call = sim.fetch(&sid).await;
    let status = call["status"].as_str().unwrap().to_owned();
    (status, call["answered_by"].clone())
}

#[tokio::test]
async fn number_changes_its_behaviour_after_its_first_calls() {
    for (to, first, by) in [
        ("+12125550152", "completed", Value::from("machine_start")),
        ("+13125550162", "busy", Value::Null),
        ("+13035550172", "no-answer", Value::Null),
        ("+18085550182", "failed", Value::Null),
    ] {
        let sim = Sim::start().await;
        for _ in 0..2 {
            assert_eq!(
                outcome(&sim, to).await,
                (first.to_owned(), by.clone()),
                "{to}"
            );
        }
        for _ in 0..2 {
            let answered = ("completed".to_owned(), Value::from("human"));
            assert_eq!(outcome(&sim, to).await, answered, "{to}");
        }
    }
}

#[tokio::test]
async fn numbers_are_counted_apart_and_across_restarts() {
    let data = DataFile::new();
    let sim = data.sim().await;
    for to in ["+12125550161", "+13125550161", "+12125550162"] {
        assert_eq!(outcome(&sim, to).await.0, "busy", "{to}");
    }
    drop(sim);
    let sim = data.sim().await;
    assert_eq!(outcome(&sim, "+12125550161").await.0, "completed");
    assert_eq!(outcome(&sim, "+12125550162").await.0, "busy");
}

#[test]
fn other_numbers_always_answer() {
    for to in [
        "+12125550160",
        "+12125550190",
        "+12125550149",
        "+121255501611",
        "+1212555016",
        "+442125550161",
        "+1\u{e9}\u{e9}5550161",
    ] {
        assert_eq!(callee(to, || 0).outcome, Outcome::Answers, "{to}");
    }
    assert_eq!(callee("+12125550169", || 8).outcome, Outcome::Busy);
    assert_eq!(callee("+12125550169", || 9).outcome, Outcome::Answers);
}
