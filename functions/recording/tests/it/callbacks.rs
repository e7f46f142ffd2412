//! Tests what recording callbacks store in the recording and in its call.

use futures_util::future::join_all;
use testkit::Stage;

use crate::support::{
    FIRST, SECOND, assert_accepted, callback, path, report, router, sid, stored, url, url_of,
};

#[tokio::test]
async fn completed_recording_is_stored_with_its_url_on_the_call() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    report(
        &stage,
        &call,
        FIRST,
        "completed",
        &[("RecordingDuration", "12")],
    )
    .await;
    let recording = stored(&stage, FIRST).await;
    assert_eq!(
        recording.get_str("call_id").ok(),
        Some(call.id.to_hex().as_str())
    );
    assert_eq!(
        recording.get_str("recording_url").ok(),
        Some(url(FIRST).as_str())
    );
    assert_eq!(
        recording.get_str("recording_status").ok(),
        Some("completed")
    );
    assert_eq!(recording.get_str("status").ok(), Some("completed"));
    assert_eq!(recording.get_i64("duration_seconds").ok(), Some(12));
    assert_eq!(recording.get_i32("channels").ok(), Some(1));
    assert_eq!(
        recording
            .get_datetime("started_at")
            .unwrap()
            .timestamp_millis(),
        1_767_225_600_000
    );
    assert!(recording.get_datetime("created_at").is_ok());
    assert_eq!(url_of(&stage, &call).await, Some(url(FIRST)));
}

#[tokio::test]
async fn callbacks_in_any_order_store_the_same_recording() {
    let stage = Stage::new().await;
    let orders = [
        (["in-progress", "completed"], "completed"),
        (["completed", "in-progress"], "completed"),
        (["in-progress", "absent"], "absent"),
        (["absent", "in-progress"], "absent"),
        (["failed", "in-progress"], "failed"),
        (["in-progress", "failed"], "failed"),
        (["completed", "completed"], "completed"),
    ];
    for (number, (statuses, last)) in orders.into_iter().enumerate() {
        let call = stage.call(|_| ()).await;
        let recording = format!("RE{number:032}");
        for status in statuses {
            let facts: &[(&str, &str)] = match status {
                "completed" => &[("RecordingDuration", "12")],
                "absent" => &[("RecordingDuration", "0"), ("ErrorCode", "16102")],
                _ => &[("RecordingDuration", "-1")],
            };
            report(&stage, &call, &recording, status, facts).await;
        }
        let stored = stored(&stage, &recording).await;
        assert_eq!(stored.get_str("status").ok(), Some(last), "{statuses:?}");
        assert_eq!(
            stored.get_str("recording_status").ok(),
            Some(last),
            "{statuses:?}"
        );
        if last == "absent" {
            assert_eq!(stored.get_i32("error_code").ok(), Some(16102));
        }
        let expected = (last == "completed").then(|| url(&recording));
        assert_eq!(url_of(&stage, &call).await, expected, "{statuses:?}");
    }
    assert_eq!(stage.count("recordings").await, 7);
}

#[tokio::test]
async fn call_has_the_url_of_its_first_completed_recording() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    report(&stage, &call, FIRST, "in-progress", &[]).await;
    assert_eq!(url_of(&stage, &call).await, None);
    report(&stage, &call, SECOND, "completed", &[]).await;
    assert_eq!(url_of(&stage, &call).await, Some(url(SECOND)));
    report(&stage, &call, FIRST, "completed", &[]).await;
    assert_eq!(url_of(&stage, &call).await, Some(url(SECOND)));
    assert_eq!(stage.count("recordings").await, 2);
}

#[tokio::test]
async fn unknown_recording_status_counts_as_processing() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    report(&stage, &call, FIRST, "paused", &[]).await;
    let recording = stored(&stage, FIRST).await;
    assert_eq!(recording.get_str("status").ok(), Some("processing"));
    assert_eq!(recording.get_str("recording_status").ok(), Some("paused"));
}

#[tokio::test]
async fn concurrent_callbacks_store_one_recording() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let routers: Vec<_> = (0..4).map(|_| router(&stage)).collect();
    let requests = ["completed", "in-progress", "completed", "in-progress"]
        .map(|status| callback(&path(&call), sid(&call), FIRST, status, &[]));
    for answer in join_all(
        requests
            .iter()
            .zip(&routers)
            .map(|(request, router)| request.send(router)),
    )
    .await
    {
        assert_accepted(&answer);
    }
    assert_eq!(stage.count("recordings").await, 1);
    assert_eq!(
        stored(&stage, FIRST).await.get_str("status").ok(),
        Some("completed")
    );
    assert_eq!(url_of(&stage, &call).await, Some(url(FIRST)));
}
