//! Tests which callbacks are refused, and that a refusal touches nothing.

use std::time::{Duration, Instant};

use testkit::{Request, Stage};

use crate::support::{assert_accepted, callback, path, router, sid, stored, words};

#[tokio::test]
async fn malformed_form_is_refused() {
    let stage = Stage::with_twilio().await;
    let call = stage.call(|_| ()).await;
    let sid = sid(&call);
    let router = router(&stage);
    for params in [
        vec![],
        vec![("CallSid", sid)],
        vec![("CallStatus", "ringing")],
        vec![("CallSid", "CA1"), ("CallStatus", "ringing")],
        vec![("CallSid", sid), ("CallStatus", "exploded")],
        vec![("CallSid", sid), ("CallStatus", "")],
    ] {
        let answer = Request::webhook(&path(&call), &params).send(&router).await;
        answer.assert_problem(400, "malformed_form");
    }
    assert!(words(&stored(&stage, &call).await).is_empty());
}

#[tokio::test]
async fn unavailable_database_without_a_queue_is_a_503() {
    let (stage, line) = Stage::with_twilio().await.behind_proxy().await;
    let call = stage.call(|_| ()).await;
    let router = router(&stage);
    let request = callback(&path(&call), sid(&call), "ringing", 1, &[]);
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
    assert_eq!(
        stored(&stage, &call).await.get_str("status").ok(),
        Some("ringing")
    );
}

#[tokio::test]
async fn forged_callback_is_refused_without_a_database_query() {
    let (stage, line) = Stage::with_twilio().await.behind_proxy().await;
    let call = stage.call(|_| ()).await;
    line.stall();
    let router = router(&stage);
    let good = callback(&path(&call), sid(&call), "completed", 3, &[]);
    for forged in [
        good.clone().without("x-twilio-signature"),
        good.clone()
            .header("x-twilio-signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        good.clone()
            .body(&format!("CallSid={}&CallStatus=completed", sid(&call))),
        good.clone().moved("/twilio/status"),
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
    assert_eq!(
        stored(&stage, &call).await.get_str("status").ok(),
        Some("initiated")
    );
}
