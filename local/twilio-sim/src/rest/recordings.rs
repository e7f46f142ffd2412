//! The Recordings resource of the account and of a call, and the audio.

use axum::body::Body;
use axum::response::Response;
use chrono::Utc;
use futures_util::stream;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::byte_range::{RequestedRange, requested_range};
use super::calls;
use super::date_filter::DateFilter;
use super::error::RestError;
use super::page::Page;
use super::params::Params;
use crate::clock::rfc2822;
use crate::model::Recording;
use crate::sim::Sim;
use crate::wav::Wav;

/// The size of the chunks in which audio is sent, in bytes.
const CHUNK: u64 = 64 * 1024;

/// Lists the recordings of a call or the account, newest first.
pub(super) fn list(sim: &Sim, call: Option<&str>, query: &Params) -> Result<Value, RestError> {
    let page = Page::from_query(query)?;
    let created = DateFilter::from_query(query, "DateCreated")?;
    let tables = sim.store.lock();
    let path = match call {
        Some(sid) => {
            calls::check_exists(sim, &tables, sid)?;
            sim.path(&format!("/Calls/{sid}/Recordings.json"))
        }
        None => sim.path("/Recordings.json"),
    };
    let wanted_call = call.or(query.get("CallSid"));
    let matching = tables.recordings().filter(|recording| {
        wanted_call.is_none_or(|sid| sid == recording.call_sid)
            && query.get("ConferenceSid").is_none()
            && created.contains(Some(recording.created))
    });
    let items = matching.map(|recording| (recording.sid.as_str(), recording));
    Ok(
        page.document(&path, query, "recordings", items, |recording| {
            document(sim, call.is_some(), recording)
        }),
    )
}

/// Returns a recording of a call or the account.
pub(super) fn fetch(sim: &Sim, call: Option<&str>, sid: &str) -> Result<Value, RestError> {
    let tables = sim.store.lock();
    let found = tables
        .recording(sid)
        .filter(|recording| call.is_none_or(|call| call == recording.call_sid));
    found
        .map(|recording| document(sim, call.is_some(), recording))
        .ok_or_else(|| missing(sim, sid, ".json"))
}

/// Deletes a recording.
pub(super) fn delete(sim: &Sim, call: Option<&str>, sid: &str) -> Result<(), RestError> {
    fetch(sim, call, sid)?;
    sim.store.lock().delete_recording(sid);
    sim.log.write(
        "recording",
        None,
        json!({ "recording_sid": sid, "status": "deleted" }),
    );
    Ok(())
}

/// Returns the audio of a completed recording as WAV. Other formats and other recordings are a 404.
pub(super) fn media(
    sim: &Sim,
    call: Option<&str>,
    sid: &str,
    extension: &str,
    (method, headers): (&Method, &HeaderMap),
) -> Result<Response, RestError> {
    fetch(sim, call, sid)?;
    let dot = if extension.is_empty() { "" } else { "." };
    let not_found = || missing(sim, sid, &format!("{dot}{extension}"));
    if !matches!(extension, "" | "wav") {
        return Err(not_found());
    }
    let wav = sim
        .store
        .update_recording(sid, |recording| recording.audio())
        .flatten()
        .ok_or_else(not_found)?;
    let size = wav.len();
    let response = Response::builder()
        .header(CONTENT_TYPE, "audio/x-wav")
        .header(ACCEPT_RANGES, "bytes");
    let response = match requested_range(method, headers, size) {
        RequestedRange::WholeFile => response
            .header(CONTENT_LENGTH, size)
            .body(body(wav, 0..size)),
        RequestedRange::Part(part) => response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(CONTENT_LENGTH, part.end - part.start)
            .header(
                CONTENT_RANGE,
                format!("bytes {}-{}/{size}", part.start, part.end - 1),
            )
            .body(body(wav, part)),
        RequestedRange::Unsatisfiable => response
            .status(StatusCode::RANGE_NOT_SATISFIABLE)
            .header(CONTENT_RANGE, format!("bytes */{size}"))
            .body(Body::empty()),
    };
    response.map_err(|error| RestError::bad(20500, error.to_string()))
}

fn body(wav: Wav, part: std::ops::Range<u64>) -> Body {
    Body::from_stream(stream::unfold(part.start, move |at| {
        let end = part.end.min(at + CHUNK);
        let chunk =
            (at < end).then(|| (Ok::<_, std::convert::Infallible>(wav.bytes(at..end)), end));
        async move { chunk }
    }))
}

/// Returns a 404 for this recording or its audio.
pub(super) fn missing(sim: &Sim, sid: &str, extension: &str) -> RestError {
    RestError::not_found(&sim.path(&format!("/Recordings/{sid}{extension}")))
}

/// Builds the document of a recording.
///
/// As a call's recording it has no media URL, and its price is a number. As the account's recording it has a media URL, and
/// its price is a string.
fn document(sim: &Sim, of_call: bool, recording: &Recording) -> Value {
    let price = 0.0025 * f64::from(recording.seconds.unwrap_or_default().div_ceil(60));
    let priced = recording.status == "completed";
    let mut document = json!({
        "account_sid": sim.config.account_sid,
        "api_version": "2010-04-01",
        "call_sid": recording.call_sid,
        "channels": recording.channels,
        "conference_sid": null,
        "date_created": rfc2822(recording.created),
        "date_updated": rfc2822(recording.updated),
        "duration": recording.seconds.map(|seconds| seconds.to_string()),
        "encryption_details": null,
        "error_code": recording.error_code,
        "price": null,
        "price_unit": priced.then_some("USD"),
        "sid": recording.sid,
        "source": recording.source,
        "start_time": date(recording),
        "status": recording.status,
    });
    let own = format!("/Recordings/{}", recording.sid);
    if of_call {
        document["price"] = priced.then_some(-price).into();
        document["track"] = recording.track.as_str().into();
        document["uri"] = sim
            .path(&format!("/Calls/{}{own}.json", recording.call_sid))
            .into();
        return document;
    }
    document["price"] = priced.then(|| format!("-{price:.5}")).into();
    document["uri"] = sim.path(&format!("{own}.json")).into();
    document["media_url"] = sim.recording_url(&recording.sid).into();
    document["subresource_uris"] = json!({
        "add_on_results": sim.path(&format!("{own}/AddOnResults.json")),
        "transcriptions": sim.path(&format!("{own}/Transcriptions.json")),
    });
    document
}

fn date(recording: &Recording) -> String {
    rfc2822(recording.started.with_timezone(&Utc))
}
