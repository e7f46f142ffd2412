//! `GET /media`: streams the audio of a recording from Twilio.

use axum::{
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bson::DateTime;
use http::{HeaderName, HeaderValue, StatusCode, header};
use outdial::{config::RefreshReason, domain::RecordingSid, http::Problem, twilio::TwilioError};
use utoipa::ToSchema;

use crate::{
    App,
    range::{self, Ranges},
};

impl App {
    /// Returns the recording that a valid media URL names.
    async fn named_by(&self, query: &str, now: i64) -> Option<RecordingSid> {
        let signer = self.signer.current();
        if let Some(sid) = signer.check(query, now) {
            return Some(sid);
        }
        let renewed = self.signer.renewed(&signer, RefreshReason::Unknown).await?;
        renewed.check(query, now)
    }

    /// Requests the range, or the whole audio, from Twilio.
    async fn fetch(
        &self,
        sid: &RecordingSid,
        ranges: Option<&Ranges>,
    ) -> Result<reqwest::Response, TwilioError> {
        let range = ranges.and_then(Ranges::upstream);
        let upstream = self.twilio.fetch_media(sid, range.as_deref()).await?;
        let is_unproven = upstream.status() == StatusCode::RANGE_NOT_SATISFIABLE
            && ranges.is_some_and(|ranges| {
                range::length_of_refused(upstream.headers())
                    .is_none_or(|length| !ranges.miss(length))
            });
        // Twilio may answer 416 to a range that the audio has. The handler then cuts it out of the whole audio.
        if is_unproven {
            return self.twilio.fetch_media(sid, None).await;
        }
        Ok(upstream)
    }
}

/// A WAV file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "the audio is streamed, and never held as a value")]
struct Audio(Vec<u8>);

/// Stream the audio of a recording
///
/// The URL comes from `/recordings/{recording_id}/media`. It is signed, needs no API key, and expires after five minutes.
#[utoipa::path(
    get, path = "/media", tag = "recordings", operation_id = "stream_media",
    params(
        ("recording_sid" = String, Query, description = "Twilio's `RecordingSid`", pattern = "^RE[0-9a-fA-F]{32}$",
            example = "RE0123456789abcdef0123456789abcdef"),
        ("expires" = i64, Query, description = "Expiry of the URL, in Unix seconds", example = 1_767_323_345),
        ("signature" = String, Query, description = "Signature of the other parameters", pattern = "^[A-Za-z0-9_-]{43}$",
            example = "Xm9vYmFyYmF6cXV4Xm9vYmFyYmF6cXV4Xm9vYmFyYmY"),
        ("Range" = Option<String>, Header, description = "A range of bytes (RFC 9110). Several ranges get the whole audio, unless only one of them is satisfiable. Ignored if it is invalid, or together with `If-Range`", example = "bytes=0-1023"),
    ),
    responses(
        (status = 200, description = "The audio", content_type = "audio/x-wav", body = inline(Audio)),
        (status = 206, description = "The range of the audio", content_type = "audio/x-wav", body = inline(Audio),
            headers(("Content-Range" = String, description = "The range, and the length of the audio"))),
        (status = 403, description = "The signature is invalid, or the URL has expired (`bad_signature`)"),
        (status = 404, description = "Twilio has no such audio"),
        (status = 416, description = "The range lies outside the audio (`range_not_satisfiable`)"),
        (status = 502, description = "Twilio refused (`twilio_refused`) or could not be reached (`twilio_unreachable`)"),
    )
)]
pub(crate) async fn media(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let now = DateTime::now().timestamp_millis() / 1_000;
    let query = request.uri().query().unwrap_or_default();
    let sid = app.named_by(query, now).await.ok_or_else(|| {
        Problem::forbidden(
            "bad_signature",
            "The signature is invalid, or the URL has expired. Get a new URL from /recordings/{recording_id}/media.",
        )
    })?;
    let ranges = Ranges::requested(request.method(), request.headers());
    let upstream = app.fetch(&sid, ranges.as_ref()).await?;
    let status = upstream.status();
    if status == StatusCode::NOT_FOUND {
        return Err(Problem::not_found("audio"));
    }
    let headers = upstream.headers().clone();
    if status == StatusCode::RANGE_NOT_SATISFIABLE {
        return Ok(with_headers(
            Problem::range_not_satisfiable().into_response(),
            &headers,
            &[header::CONTENT_RANGE],
        ));
    }
    let length = upstream.content_length();
    let body = Body::from_stream(upstream.bytes_stream());
    match (status, ranges, length) {
        // Twilio sent the whole audio, although the request has a range.
        (StatusCode::OK, Some(ranges), Some(length)) => Ok(with_headers(
            ranges.cut(length, body),
            &headers,
            &[header::CONTENT_TYPE],
        )),
        _ => Ok(with_headers(
            (status, body).into_response(),
            &headers,
            &PASSED_ON,
        )),
    }
}

/// The headers that are copied from Twilio's response.
const PASSED_ON: [HeaderName; 3] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
];

fn with_headers(mut response: Response, from: &http::HeaderMap, names: &[HeaderName]) -> Response {
    let headers = response.headers_mut();
    for name in names {
        if let Some(value) = from.get(name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("inline; filename=\"recording.wav\""),
    );
    response
}
