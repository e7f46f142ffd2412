//! Inspecting the requests to create calls: the list, and the pace.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::SecondsFormat;
use futures_util::stream;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::dials::Dial;
use crate::number_zones::NumberZones;
use crate::sim::Sim;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DialsQuery {
    since: u64,
    to: Option<String>,
    call_id: Option<String>,
}

/// Lists the requests as JSON lines, oldest first.
pub(super) async fn list(State(sim): State<Arc<Sim>>, Query(query): Query<DialsQuery>) -> Response {
    let matches = |wanted: &Option<String>, given: &Option<String>| {
        wanted.is_none() || wanted.as_ref() == given.as_ref()
    };
    let dials: Vec<Dial> = sim
        .store
        .lock()
        .dials()
        .since(query.since)
        .filter(|dial| {
            matches(&query.to, &dial.request.to) && matches(&query.call_id, &dial.request.call_id)
        })
        .cloned()
        .collect();
    let lines = dials.into_iter().map(|dial| {
        let line = format!("{}\n", report(&dial));
        Ok::<_, Infallible>(Bytes::from(line))
    });
    let body = Body::from_stream(stream::iter(lines));
    ([(CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

fn report(dial: &Dial) -> Value {
    let zones = dial.request.to.as_deref().and_then(NumberZones::of);
    let clocks: Vec<Value> = zones
        .into_iter()
        .flat_map(|zones| zones.local_times(dial.at))
        .map(|(zone, time)| {
            let time = time.to_rfc3339_opts(SecondsFormat::Millis, false);
            json!({ "zone": zone, "local_time": time })
        })
        .collect();
    json!({
        "n": dial.n,
        "at": dial.at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "to": dial.request.to,
        "from": dial.request.from,
        "call_id": dial.request.call_id,
        "status": dial.status,
        "code": dial.code,
        "call_sid": dial.call_sid,
        "callee_clocks": clocks,
        "country_wide": zones.is_some_and(|zones| zones.country_wide),
    })
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct PaceQuery {
    since: u64,
    window_ms: u64,
}

impl Default for PaceQuery {
    fn default() -> Self {
        Self {
            since: 0,
            window_ms: 1_000,
        }
    }
}

/// Returns the most requests in any window.
pub(super) async fn pace(State(sim): State<Arc<Sim>>, Query(query): Query<PaceQuery>) -> Response {
    if !(1..=3_600_000).contains(&query.window_ms) {
        let message = "`window_ms` must be between 1 and 3600000";
        return (StatusCode::BAD_REQUEST, Json(json!({ "message": message }))).into_response();
    }
    let tables = sim.store.lock();
    let dials = tables.dials();
    let busiest = dials.busiest(query.since, Duration::from_millis(query.window_ms));
    Json(json!({
        "requests": dials.since(query.since).count(),
        "total": dials.total(),
        "window_ms": query.window_ms,
        "highest": busiest.map_or(0, |(most, _)| most),
        "first": busiest.map(|(_, first)| first.n),
        "at": busiest.map(|(_, first)| first.at.to_rfc3339_opts(SecondsFormat::Millis, true)),
    }))
    .into_response()
}
