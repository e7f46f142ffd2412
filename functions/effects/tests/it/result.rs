//! Tests that the function stores the result of calls that have ended.

use outdial::{
    dao::StepEvent,
    domain::{Call, CallStatus, Voicemail, VoicemailAction},
};
use testkit::Stage;

use crate::support::{
    age_effects, attempt, callback, dao, end, handle_end, read, retried_with, sweep, tell,
};

/// Gives a call a result.
fn hang_up_on_machines(call: &mut Call) {
    call.voicemail = Some(Voicemail {
        action: VoicemailAction::HangUp,
        message: None,
    });
}

async fn ended(stage: &Stage, status: CallStatus) -> Call {
    let call = stage.call(hang_up_on_machines).await;
    end(stage, &call, status).await;
    call
}

async fn stored_result(stage: &Stage, call: &Call) -> Option<String> {
    let read = read(stage, call).await;
    assert_eq!(read.effects, []);
    read.stored_result
}

#[tokio::test]
async fn message_stores_the_result_of_a_call_without_retries() {
    let stage = Stage::new().await;
    let call = ended(&stage, CallStatus::Busy).await;
    for _ in 0..2 {
        handle_end(&stage, &call).await;
        let stored = stored_result(&stage, &call).await;
        assert_eq!(stored.as_deref(), Some("not_reached"));
    }
    assert_eq!(stage.count("calls").await, 1);
}

#[tokio::test]
async fn sweep_stores_the_result_of_a_call_whose_message_is_lost() {
    let stage = Stage::new().await;
    let call = ended(&stage, CallStatus::Completed).await;
    age_effects(&stage, 60).await;
    sweep(&stage).await;
    let stored = stored_result(&stage, &call).await;
    assert_eq!(stored.as_deref(), Some("hung_up"));
}

#[tokio::test]
async fn late_event_corrects_the_result() {
    let stage = Stage::new().await;
    let call = ended(&stage, CallStatus::Completed).await;
    handle_end(&stage, &call).await;
    let sid = call.twilio_sid.clone().unwrap();
    let event = StepEvent::Ended(true);
    let recorded = dao(&stage).record_step(call.call_id, &sid, &event).await;
    recorded.unwrap();
    handle_end(&stage, &call).await;
    let stored = stored_result(&stage, &call).await;
    assert_eq!(stored.as_deref(), Some("completed"));
}

#[tokio::test]
async fn call_with_retries_gets_its_result_and_its_next_attempt() {
    let stage = Stage::new().await;
    let call = retried_with(&stage, hang_up_on_machines).await;
    end(&stage, &call, CallStatus::Busy).await;
    assert_eq!(read(&stage, &call).await.effects.len(), 2);
    handle_end(&stage, &call).await;
    let stored = stored_result(&stage, &call).await;
    assert_eq!(stored.as_deref(), Some("not_reached"));
    let next = attempt(&stage, &call, 2).await.unwrap();
    assert_eq!((next.stored_result, next.effects_n), (None, 0));
}

#[tokio::test]
async fn call_with_a_script_alone_gets_no_result() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let busy = callback(&call, CallStatus::Busy, 3);
    assert!(!tell(&stage, &call, &busy).await);
    handle_end(&stage, &call).await;
    assert_eq!(stored_result(&stage, &call).await, None);
}
