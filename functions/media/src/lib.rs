//! `GET /media`: streams the audio of a recording from Twilio, with our credentials, to whoever holds a signed URL.

mod cors;
mod range;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use mongodb::bson::DateTime;
use outdial::{
    config::{Reloadable, Settings},
    domain::RecordingSid,
    http::{Problem, media::MediaSigner, with_common_layers},
    secret::RefreshReason,
    twilio::{TwilioClient, TwilioError},
};
use utoipa::{OpenApi, ToSchema};

use crate::range::Ranges;

/// What the handlers need.
#[derive(Clone)]
pub struct App {
    signer: Reloadable<MediaSigner>,
    twilio: Arc<TwilioClient>,
}

impl App {
    /// Connects what the settings name.
    ///
    /// # Errors
    ///
    /// When a variable is missing or malformed.
    pub fn from_settings(
        settings: &Settings,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self {
            signer: settings.reloadable(MediaSigner::from_settings)?,
            twilio: TwilioClient::new(settings.reloadable(Settings::twilio)?)?.into(),
        })
    }
}

impl App {
    /// The recording that a URL of ours names.
    async fn named_by(&self, query: &str, now: i64) -> Option<RecordingSid> {
        let signer = self.signer.current();
        if let Some(sid) = signer.check(query, now) {
            return Some(sid);
        }
        let renewed = self.signer.renewed(&signer, RefreshReason::Unknown).await?;
        renewed.check(query, now)
    }

    /// Twilio's answer: the part asked for, or the whole audio.
    async fn fetch(
        &self,
        sid: &RecordingSid,
        ranges: Option<&Ranges>,
    ) -> Result<reqwest::Response, TwilioError> {
        let range = ranges.and_then(Ranges::upstream);
        let upstream = self.twilio.fetch_media(sid, range.as_deref()).await?;
        let is_unproved = upstream.status() == StatusCode::RANGE_NOT_SATISFIABLE
            && ranges.is_some_and(|ranges| {
                range::length_of_refused(upstream.headers())
                    .is_none_or(|length| !ranges.miss(length))
            });
        // A 416 to a range that the audio has is wrong: the range is cut out here.
        if is_unproved {
            return self.twilio.fetch_media(sid, None).await;
        }
        Ok(upstream)
    }
}

/// The function's routes.
pub fn router(app: App) -> Router {
    let methods = get(media).options(cors::preflight);
    let routes = Router::new().route("/media", methods);
    with_common_layers(
        routes
            .route_layer(middleware::from_fn(cors::readable_by_pages))
            .with_state(app),
    )
}

#[derive(OpenApi)]
#[openapi(paths(media))]
struct Document;

/// The part of the API document that describes this function.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// A WAV file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "the audio is streamed, and never held as a value")]
struct Audio(Vec<u8>);

/// Stream the audio of a recording
///
/// The URL comes from `/recordings/{recording_id}/media`; it is its own proof, and lasts five minutes.
#[utoipa::path(
    get, path = "/media", tag = "recordings", operation_id = "stream_media",
    params(
        ("recording_sid" = String, Query, description = "Twilio's name of the recording", pattern = "^RE[0-9a-fA-F]{32}$",
            example = "RE0123456789abcdef0123456789abcdef"),
        ("expires" = i64, Query, description = "Until when the URL is good, in Unix seconds", example = 1_767_323_345),
        ("signature" = String, Query, description = "Our signature of both", pattern = "^[A-Za-z0-9_-]{43}$",
            example = "Xm9vYmFyYmF6cXV4Xm9vYmFyYmF6cXV4Xm9vYmFyYmY"),
        ("Range" = Option<String>, Header, description = "A range of bytes (RFC 9110). Several ranges get the whole audio, unless only one of them is satisfiable. Ignored if it is invalid, and beside `If-Range`", example = "bytes=0-1023"),
    ),
    responses(
        (status = 200, description = "The audio", content_type = "audio/x-wav", body = inline(Audio)),
        (status = 206, description = "The range of it", content_type = "audio/x-wav", body = inline(Audio),
            headers(("Content-Range" = String, description = "Which bytes, of how many"))),
        (status = 403, description = "The URL is not one of ours, or has expired (`bad_signature`)"),
        (status = 404, description = "Twilio has no such audio"),
        (status = 416, description = "The range lies outside the audio (`range_not_satisfiable`)"),
        (status = 502, description = "Twilio refused (`twilio_refused`) or could not be reached (`twilio_unreachable`)"),
    )
)]
async fn media(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let now = DateTime::now().timestamp_millis() / 1_000;
    let query = request.uri().query().unwrap_or_default();
    let sid = app.named_by(query, now).await.ok_or_else(|| {
        Problem::forbidden(
            "bad_signature",
            "This URL is not one of ours, or has expired: ask /recordings/{recording_id}/media for a new one.",
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
        // Twilio has sent the whole audio.
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
