use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, future};
use http::{StatusCode, header};
use http_range_header::parse_range_header;
use outdial::http::Problem;

/// The part of the audio that a `Range` header asks for (RFC 9110): 206, or 416 where it lies outside. A header that
/// is malformed, or asks for several parts, is ignored: 200, all of it.
pub(crate) fn cut(range: &str, length: u64, body: Body) -> Response {
    let Ok(ranges) = parse_range_header(range) else {
        return whole(length, body);
    };
    let Ok(parts) = ranges.validate(length) else {
        let outside = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
        return (outside, Problem::range_not_satisfiable()).into_response();
    };
    let [part] = parts.as_slice() else {
        return whole(length, body);
    };
    let (start, end) = (*part.start(), *part.end());
    let mut at = 0u64;
    let wanted = body
        .into_data_stream()
        .map(move |chunk| {
            chunk.map(|bytes| {
                let chunk_start = at;
                at += bytes.len() as u64;
                let clamp = |position: u64| {
                    let inside = position.saturating_sub(chunk_start).min(bytes.len() as u64);
                    usize::try_from(inside).unwrap_or(bytes.len())
                };
                (chunk_start > end, bytes.slice(clamp(start)..clamp(end + 1)))
            })
        })
        .take_while(|chunk| future::ready(!matches!(chunk, Ok((true, _)))))
        .map(|chunk| chunk.map(|(_, bytes)| bytes));
    (
        StatusCode::PARTIAL_CONTENT,
        [
            (
                header::CONTENT_RANGE,
                format!("bytes {start}-{end}/{length}"),
            ),
            (header::CONTENT_LENGTH, (end - start + 1).to_string()),
        ],
        Body::from_stream(wanted),
    )
        .into_response()
}

fn whole(length: u64, body: Body) -> Response {
    ([(header::CONTENT_LENGTH, length.to_string())], body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Body {
        let chunks = ["01", "2345", "", "6789"].map(Ok::<_, std::io::Error>);
        Body::from_stream(futures_util::stream::iter(chunks))
    }

    async fn answer(range: &str) -> (u16, String, Option<String>) {
        let response = cut(range, 10, body());
        let status = response.status().as_u16();
        let content_range = response
            .headers()
            .get(header::CONTENT_RANGE)
            .map(|value| value.to_str().unwrap().to_owned());
        let bytes = axum::body::to_bytes(response.into_body(), 100)
            .await
            .unwrap();
        (
            status,
            String::from_utf8(bytes.to_vec()).unwrap(),
            content_range,
        )
    }

    #[tokio::test]
    async fn a_range_is_cut_out_across_chunks() {
        for (range, part, content_range) in [
            ("bytes=0-0", "0", "bytes 0-0/10"),
            ("bytes=1-3", "123", "bytes 1-3/10"),
            ("bytes=5-", "56789", "bytes 5-9/10"),
            ("bytes=-2", "89", "bytes 8-9/10"),
            ("bytes=8-99", "89", "bytes 8-9/10"),
        ] {
            assert_eq!(
                answer(range).await,
                (206, part.to_owned(), Some(content_range.to_owned())),
                "{range}"
            );
        }
    }

    #[tokio::test]
    async fn a_range_outside_the_audio_is_416() {
        let (status, _, content_range) = answer("bytes=10-").await;
        assert_eq!(
            (status, content_range.as_deref()),
            (416, Some("bytes */10"))
        );
    }

    #[tokio::test]
    async fn a_malformed_or_manifold_range_gets_everything() {
        for range in ["bytes", "lines=0-1", "bytes=a-b", "bytes=0-1,4-5"] {
            let (status, all, _) = answer(range).await;
            assert_eq!((status, all.as_str()), (200, "0123456789"), "{range}");
        }
    }
}
