//! Conditional requests: `ETag` and `If-None-Match` (RFC 9110, section 13.1.2).

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::stream;
use http::{HeaderValue, Method, StatusCode, header};
use ring::digest;

use super::Problem;

/// The `Content-Type` of tables.
pub const CSV: &str = "text/csv; charset=utf-8";

/// Adds an `ETag` to every JSON or CSV response to a GET, and answers 304 if `If-None-Match` has it.
///
/// The tag is a strong one: a hash of the body. So a 304 saves bandwidth, but not the work of making the response. A response
/// with a `Cache-Control` of its own gets no tag.
pub fn with_etags(router: Router) -> Router {
    router.layer(middleware::from_fn(revalidate))
}

async fn revalidate(request: Request, next: Next) -> Response {
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let known = request.headers().get_all(header::IF_NONE_MATCH);
    let known: Vec<HeaderValue> = known.into_iter().cloned().collect();
    let response = next.run(request).await;
    if !is_tagged(&response) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return Problem::internal("the response body could not be read").into_response();
    };
    let tag = etag(&body);
    let mut known = known.iter().filter_map(|value| value.to_str().ok());
    let is_known = known.any(|tags| etag_matches(tags, &tag));
    let headers = &mut head.headers;
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    headers.append(
        header::VARY,
        HeaderValue::from_static("authorization, x-api-key"),
    );
    if let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\"")) {
        headers.insert(header::ETAG, tag);
    }
    if !is_known {
        return Response::from_parts(head, body.into());
    }
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LENGTH);
    head.status = StatusCode::NOT_MODIFIED;
    // A stream of unknown length has no Content-Length. A 304 must not say 0, the length of another document.
    let nothing = stream::empty::<Result<Bytes, Infallible>>();
    Response::from_parts(head, Body::from_stream(nothing))
}

fn is_tagged(response: &Response) -> bool {
    let headers = response.headers();
    let kind = headers.get(header::CONTENT_TYPE);
    response.status() == StatusCode::OK
        && kind.is_some_and(|kind| kind == "application/json" || kind == CSV)
        && !headers.contains_key(header::CACHE_CONTROL)
}

fn etag(body: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, body);
    BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

/// Returns whether an `If-None-Match` header has the tag.
///
/// The comparison is weak, as the RFC requires: `W/` is ignored. Anything after the first malformed tag is
/// ignored.
#[must_use]
pub fn etag_matches(tags: &str, tag: &str) -> bool {
    if tags.trim() == "*" {
        return true;
    }
    let mut rest = tags;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        rest = rest.strip_prefix("W/").unwrap_or(rest);
        let quoted = rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
        match quoted {
            Some((known, _)) if known == tag => return true,
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_is_found_in_a_list_that_has_it() {
        for tags in [
            r#""a""#,
            r#"W/"a""#,
            r#""b", "a""#,
            r#" "b" ,W/"a" , "c""#,
            r#", ,"b,c",, "a""#,
            r#""b","","a""#,
            "*",
            " * ",
        ] {
            assert!(etag_matches(tags, "a"), "{tags}");
        }
    }

    #[test]
    fn tag_is_not_found_elsewhere() {
        for tags in [
            "",
            "a",
            r#""b""#,
            r#""A""#,
            r#""aa""#,
            r#""W/a""#,
            r#"w/"a""#,
            r#""a"#,
            r#""b, "a"#,
            r#""b", *"#,
            r#"b, "a""#,
            "W/",
            "\"",
        ] {
            assert!(!etag_matches(tags, "a"), "{tags}");
        }
    }
}
