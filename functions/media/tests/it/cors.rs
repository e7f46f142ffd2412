//! Tests that a page on another origin can play audio and read refusals.

use http::header::ACCESS_CONTROL_ALLOW_ORIGIN;
use testkit::{Answer, Request};

use crate::support::{Fixture, function, signed};

const SID: &str = "RE0123456789abcdef0123456789abcdef";

/// Returns true if a browser lets a page send the request after this preflight response (Fetch standard, "CORS-preflight fetch").
fn allows(preflight: &Answer, method: &str, headers: &[&str]) -> bool {
    let listed = |name: &str| -> Vec<String> {
        let values = preflight.header(name).split(',');
        values.map(|value| value.trim().to_lowercase()).collect()
    };
    preflight.status.is_success()
        && preflight.header("access-control-allow-origin") == "*"
        && listed("access-control-allow-methods").contains(&method.to_lowercase())
        && headers
            .iter()
            .all(|name| listed("access-control-allow-headers").contains(&(*name).to_owned()))
}

async fn preflight(path: &str, method: &str, headers: &str) -> Answer {
    Request::new("OPTIONS", path)
        // The origin that a browser sends after a redirect from another origin.
        .header("origin", "null")
        .header("access-control-request-method", method)
        .header("access-control-request-headers", headers)
        .send(&function("http://127.0.0.1:1"))
        .await
}

#[tokio::test]
async fn preflight_allows_headers_that_a_redirect_keeps() {
    for headers in [
        &["x-api-key"][..],
        &["authorization"],
        &["x-api-key", "range", "if-range"],
        &["content-type", "idempotency-key", "if-none-match"],
    ] {
        let answer = preflight(&signed(SID, 0), "GET", &headers.join(",")).await;
        assert!(allows(&answer, "GET", headers), "{headers:?}: {answer:?}");
        assert!(allows(&answer, "HEAD", headers), "{headers:?}");
        assert!(!allows(&answer, "DELETE", headers), "{headers:?}");
        assert_eq!(answer.header("access-control-max-age"), "600");
        assert!(answer.body.is_empty());
    }
    let answer = preflight("/media", "GET", "x-unknown").await;
    assert!(!allows(&answer, "GET", &["x-unknown"]));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn page_reads_audio_and_refusals() {
    let theatre = Fixture::start().await;
    let url = signed(&theatre.sid, 0);
    let ask = async |path: &str, range: &str| {
        let request = Request::new("GET", path)
            .header("origin", "https://app.example")
            .header("x-api-key", "a key that media does not know")
            .header("range", range);
        request.send(&theatre.function).await
    };
    for (path, range, status) in [
        (url.as_str(), "", 200),
        (&url, "bytes=0-9", 206),
        (&url, "bytes=99999999-", 416),
        ("/media", "", 403),
    ] {
        let answer = ask(path, range).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(
            answer.header("access-control-expose-headers"),
            "accept-ranges, content-range"
        );
    }
}

#[tokio::test]
async fn function_url_leaves_the_headers_to_lambda() {
    let theatre = Fixture::start().await;
    let url = signed(&theatre.sid, 0);
    let answer = Request::new("GET", &url)
        .at_domain("abc123.lambda-url.us-east-1.on.aws")
        .header("origin", "https://app.example")
        .send(&theatre.function)
        .await;
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
}
