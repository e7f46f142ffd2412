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

/// Gives each JSON document that is read an `ETag`, and answers 304 to whoever has it already (RFC 9110, 13.1.2).
///
/// The tag is a strong one, of the document's very bytes: a document is made before it is known, so that it spares the way and
/// not the work. What says itself how it may be kept has none.
pub fn with_etags(router: Router) -> Router {
    router.layer(middleware::from_fn(answer))
}

async fn answer(request: Request, next: Next) -> Response {
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
        return Problem::internal("a document could not be read").into_response();
    };
    let tag = tag_of(&body);
    let mut known = known.iter().filter_map(|value| value.to_str().ok());
    let is_known = known.any(|tags| names(tags, &tag));
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
    // Of a body whose length is not known none is told: 0 would be that of another document.
    let nothing = stream::empty::<Result<Bytes, Infallible>>();
    Response::from_parts(head, Body::from_stream(nothing))
}

fn is_tagged(response: &Response) -> bool {
    let headers = response.headers();
    let kind = headers.get(header::CONTENT_TYPE);
    response.status() == StatusCode::OK
        && kind.is_some_and(|kind| kind == "application/json")
        && !headers.contains_key(header::CACHE_CONTROL)
}

fn tag_of(body: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, body);
    BASE64_URL_SAFE_NO_PAD.encode(&digest.as_ref()[..16])
}

/// Whether an `If-None-Match` names the tag, by the weak comparison that it asks for: a `W/` does not count. What is no list of
/// tags names none from there on.
#[must_use]
pub fn names(tags: &str, tag: &str) -> bool {
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
    fn a_tag_is_found_in_every_list_that_has_it() {
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
            assert!(names(tags, "a"), "{tags}");
        }
    }

    #[test]
    fn a_tag_is_found_nowhere_else() {
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
            assert!(!names(tags, "a"), "{tags}");
        }
    }
}
