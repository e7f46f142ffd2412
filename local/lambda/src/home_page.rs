//! The local gateway's page at `/`, with links for a browser. A deployed API answers 404 there.

use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>outdial on this machine</title>
<h1>outdial on this machine</h1>
<p>This is the local API. It takes the key that <code>cargo xtask dev</code> prints.</p>
<ul>
<li><a href="/console">Console</a>: watch calls, place calls, manage users</li>
<li><a href="/docs">API documentation</a></li>
<li><a href="/health">Health</a>: whether the database and Twilio answer</li>
</ul>
</html>
"#;

/// Returns true if a browser requests `/`. Every other client gets the response of a deployed API.
pub fn is_requested(head: &Parts) -> bool {
    let accepts = head.headers.get_all(ACCEPT).iter();
    let mut types = accepts
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|media_type| media_type.split(';').next());
    matches!(head.method, Method::GET | Method::HEAD)
        && head.uri.path() == "/"
        && types.any(|media_type| media_type.trim().eq_ignore_ascii_case("text/html"))
}

/// The page, complete in one file.
pub fn response() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (VARY, "accept"),
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    (headers, PAGE).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn is_page(method: Method, path: &str, accept: &[&str]) -> bool {
        let mut request = Request::builder().method(method).uri(path);
        for value in accept {
            request = request.header(ACCEPT, *value);
        }
        is_requested(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn only_a_browser_gets_the_page() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        assert!(is_page(Method::GET, "/", &[browser]));
        assert!(is_page(Method::HEAD, "/?x=1", &["*/*", "TEXT/HTML;q=0.5"]));
        for (method, path, accept) in [
            (Method::GET, "/", &["*/*"][..]),
            (Method::GET, "/", &[]),
            (Method::GET, "/", &["application/json, text/plain"]),
            (Method::POST, "/", &[browser]),
            (Method::OPTIONS, "/", &[browser]),
            (Method::GET, "/users", &[browser]),
            (Method::GET, "//", &[browser]),
        ] {
            assert!(
                !is_page(method.clone(), path, accept),
                "{method} {path} {accept:?}"
            );
        }
    }
}
