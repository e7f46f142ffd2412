//! Tests which callbacks are refused, and that a refusal touches nothing.

use std::time::{Duration, Instant};

use testkit::{Request, Stage};

use crate::support::{FIRST, assert_accepted, callback, path, router, sid, url, url_of};

#[tokio::test]
async fn malformed_form_is_refused() {
    let stage = Stage::new().await;
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    let whole = [
        ("CallSid", sid(&call)),
        ("RecordingSid", FIRST),
        ("RecordingStatus", "completed"),
    ];
    for left_out in 0..whole.len() {
        let mut params = whole.to_vec();
        params.remove(left_out);
        let answer = Request::webhook(&path(&call), &params).send(&router).await;
        answer.assert_problem(400, "malformed_form");
    }
    for (name, value) in [
        ("CallSid", "CA1"),
        ("RecordingSid", "CA00000000000000000000000000000001"),
    ] {
        let params = whole.map(|(field, was)| (field, if field == name { value } else { was }));
        let answer = Request::webhook(&path(&call), &params).send(&router).await;
        answer.assert_problem(400, "malformed_form");
    }
    assert_eq!(stage.count("recordings").await, 0);
}

#[tokio::test]
async fn unavailable_database_without_a_queue_is_a_503() {
    let (stage, line) = Stage::new().await.behind_proxy().await;
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    let request = callback(&path(&call), sid(&call), FIRST, "completed", &[]);
    for fault in [testkit::Proxy::cut, testkit::Proxy::stall] {
        fault(&line);
        let begun = Instant::now();
        let answer = request.send(&router).await;
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        answer.assert_problem(503, "unavailable");
    }
    line.restore();
    assert_accepted(&request.send(&router).await);
    assert_eq!(url_of(&stage, &call).await, Some(url(FIRST)));
}

#[tokio::test]
async fn forged_callback_is_refused_without_a_database_query() {
    let (stage, line) = Stage::new().await.behind_proxy().await;
    let call = stage.call(|_| ()).await;
    line.stall();
    let router = router(&stage);
    let good = callback(&path(&call), sid(&call), FIRST, "completed", &[]);
    for forged in [
        good.clone().without("x-twilio-signature"),
        good.clone()
            .header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        good.clone().body(&format!(
            "CallSid={}&RecordingSid={FIRST}&RecordingStatus=completed",
            sid(&call)
        )),
        good.clone().moved("/twilio/recording"),
    ] {
        let begun = Instant::now();
        let answer = forged.send(&router).await;
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
        answer.assert_problem(403, "bad_signature");
    }
    assert_eq!(stage.count("recordings").await, 0);
}
