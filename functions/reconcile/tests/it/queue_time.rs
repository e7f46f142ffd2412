//! Tests that dials slow down while Twilio queues calls for long.

use std::time::Duration;

use outdial::{
    config::Settings,
    dao::Dao,
    domain::{CallStatus, Pace},
};
use testkit::Stage;

use crate::support::{ANSWERS, QUEUED, ago, dial, run, slow_scene};

fn dao(stage: &Stage) -> Dao {
    Dao::new(stage.settings().reloadable(Settings::mongo).unwrap()).unwrap()
}

async fn has_permit(stage: &Stage) -> bool {
    let pace: Pace = "1".parse().unwrap();
    let permit = dao(stage)
        .reserve_permit(pace, Duration::ZERO)
        .await
        .unwrap();
    permit.is_some()
}

#[tokio::test]
async fn call_that_twilio_queued_for_long_pauses_the_dials_of_the_queue() {
    const QUEUE: &str = "http://127.0.0.1:9/1/dials";
    for (number, queue, is_paused) in [
        (QUEUED, QUEUE, true),
        (QUEUED, "", false),
        (ANSWERS, QUEUE, false),
    ] {
        let (stage, twilio) = slow_scene().await;
        let stage = stage.set("DIAL_QUEUE_URL", queue);
        let sid = dial(&twilio, number, "https://calls.example.com/", &[]).await;
        stage
            .call(|call| {
                call.twilio_sid = Some(sid);
                call.status = CallStatus::Ringing;
                call.updated_at = ago(1_000);
            })
            .await;
        dao(&stage).create_permits().await.unwrap();
        assert_eq!(run(&stage).await.ends.examined, 1);
        assert_eq!(has_permit(&stage).await, !is_paused, "{number} {queue}");
    }
}
