//! Tests what status callbacks change in the stored call.

use outdial::domain::CallStatus;
use testkit::{Request, Stage};

use crate::support::{assert_accepted, callback, path, report, router, sid, stored, words};

#[tokio::test]
async fn each_status_is_stored() {
    let stage = Stage::with_twilio().await;
    for status in CallStatus::ALL {
        let word = status.as_str();
        if CallStatus::of_twilio(word).is_none() {
            continue;
        }
        let call = stage.call(|_| ()).await;
        report(&stage, &call, word, 1, &[]).await;
        let stored = stored(&stage, &call).await;
        // `queued` has the rank of `initiated`, the status of the stored call.
        if status != CallStatus::Queued {
            assert_eq!(stored.get_str("status").ok(), Some(word));
        }
        assert_eq!(words(&stored), [word]);
        let event = stored.get_array("events").unwrap()[0]
            .as_document()
            .unwrap();
        assert_eq!(event.get_str("source").ok(), Some("twilio"));
        assert_eq!(
            event.get_datetime("at").unwrap().timestamp_millis(),
            1_767_225_600_000
        );
    }
}

#[tokio::test]
async fn final_callback_stores_duration_and_error() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let facts = [
        ("CallDuration", "61"),
        ("Duration", "2"),
        ("SipResponseCode", "200"),
        ("AnsweredBy", "machine_end_beep"),
    ];
    report(&stage, &call, "completed", 3, &facts).await;
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_i64("duration_seconds").ok(), Some(61));
    assert_eq!(stored.get_i32("sip_response_code").ok(), Some(200));
    assert_eq!(stored.get_str("answered_by").ok(), Some("machine_end_beep"));

    let call = stage.call(|_| ()).await;
    let facts = [
        ("ErrorCode", "13224"),
        ("ErrorMessage", "Invalid number"),
        ("SipResponseCode", "404"),
    ];
    report(&stage, &call, "failed", 2, &facts).await;
    let stored = self::stored(&stage, &call).await;
    assert_eq!(stored.get_i32("error_code").ok(), Some(13224));
    assert_eq!(stored.get_str("error_message").ok(), Some("Invalid number"));
}

#[tokio::test]
async fn late_lower_status_does_not_replace_a_higher_one() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    for (sequence, word) in [
        (2, "in-progress"),
        (1, "ringing"),
        (3, "completed"),
        (0, "initiated"),
    ] {
        report(&stage, &call, word, sequence, &[]).await;
    }
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("status").ok(), Some("completed"));
    assert_eq!(
        words(&stored),
        ["initiated", "ringing", "in-progress", "completed"]
    );
}

#[tokio::test]
async fn duplicate_callback_changes_nothing() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    let request = callback(&path(&call), sid(&call), "ringing", 1, &[])
        .header("i-twilio-idempotency-token", "t-1");
    assert_accepted(&request.send(&router).await);
    let before = stored(&stage, &call).await;
    let same_token = callback(&path(&call), sid(&call), "ringing", 7, &[])
        .header("i-twilio-idempotency-token", "t-1");
    let same_sequence = callback(&path(&call), sid(&call), "ringing", 1, &[])
        .header("i-twilio-idempotency-token", "t-2");
    for duplicate in [request, same_token, same_sequence] {
        assert_accepted(&duplicate.send(&router).await);
        assert_eq!(stored(&stage, &call).await, before);
    }
}

#[tokio::test]
async fn concurrent_duplicates_store_one_event() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let request = callback(&path(&call), sid(&call), "completed", 3, &[]);
    let routers = [
        router(&stage),
        router(&stage),
        router(&stage),
        router(&stage),
    ];
    let answers = tokio::join!(
        request.send(&routers[0]),
        request.send(&routers[1]),
        request.send(&routers[2]),
        request.send(&routers[3])
    );
    for answer in [answers.0, answers.1, answers.2, answers.3] {
        assert_accepted(&answer);
    }
    assert_eq!(words(&stored(&stage, &call).await), ["completed"]);
}

#[tokio::test]
async fn malformed_optional_fields_count_as_absent() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let params = [
        ("CallSid", sid(&call)),
        ("CallStatus", "completed"),
        ("SequenceNumber", "x"),
        ("Timestamp", "yesterday"),
        ("CallDuration", "-1"),
        ("SipResponseCode", "ok"),
        ("SomethingNew", "$status"),
    ];
    assert_accepted(
        &Request::webhook(&path(&call), &params)
            .send(&router(&stage))
            .await,
    );
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("status").ok(), Some("completed"));
    assert_eq!(stored.get_i32("sip_response_code").ok(), None);
}

#[tokio::test]
async fn text_with_a_dollar_sign_is_not_evaluated() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let facts = [
        ("AnsweredBy", "$script"),
        ("ErrorMessage", "$$ROOT"),
        ("ErrorCode", "1"),
    ];
    let request = callback(&path(&call), sid(&call), "failed", 3, &facts)
        .header("i-twilio-idempotency-token", "$status");
    assert_accepted(&request.send(&router(&stage)).await);
    let stored = stored(&stage, &call).await;
    assert_eq!(stored.get_str("answered_by").ok(), Some("$script"));
    assert_eq!(stored.get_str("error_message").ok(), Some("$$ROOT"));
}

#[tokio::test]
async fn status_of_a_transfers_leg_or_of_an_inbound_call_changes_nothing() {
    let stage = Stage::new().await;
    let call = stage.call(|_| {}).await;
    let before = stored(&stage, &call).await;
    let leg = [
        ("ParentCallSid", sid(&call)),
        ("Direction", "outbound-dial"),
    ];
    for of_other in [&leg[..], &[("Direction", "inbound")]] {
        let other = testkit::new_sid();
        let request = callback(&path(&call), other.as_str(), "completed", 3, of_other);
        assert_accepted(&request.send(&router(&stage)).await);
        assert_eq!(stored(&stage, &call).await, before);
    }
}
