//! The inspection API under `/_sim/`: the log, the calls, the dials and the fault plan. And calls to the account's numbers.

mod dials;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::call;
use crate::faults::FaultPlan;
use crate::model::{Call, EndedBy, TwimlSource};
use crate::sim::Sim;

/// Returns the routes.
pub fn router() -> Router<Arc<Sim>> {
    Router::new()
        .route(
            "/_sim/health",
            get(async || Json(json!({ "status": "ok" }))),
        )
        .route("/_sim/log", get(log))
        .route("/_sim/calls", get(calls))
        .route("/_sim/dials", get(dials::list))
        .route("/_sim/pace", get(dials::pace))
        .route("/_sim/faults", get(faults).put(replace_faults))
        .route("/_sim/inbound", post(inbound))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LogQuery {
    call_sid: Option<String>,
    since: u64,
    follow: bool,
}

async fn log(State(sim): State<Arc<Sim>>, Query(query): Query<LogQuery>) -> Response {
    let (kept, live) = sim.log.read(query.since);
    let wanted = query.call_sid;
    let to_line = move |entry: Value| {
        let matches = wanted.as_ref().is_none_or(|sid| entry["call_sid"] == **sid);
        std::future::ready(matches.then(|| Ok::<_, Infallible>(Bytes::from(format!("{entry}\n")))))
    };
    let kept = stream::iter(kept);
    let body = if query.follow {
        Body::from_stream(kept.chain(stream::unfold(live, next)).filter_map(to_line))
    } else {
        Body::from_stream(kept.filter_map(to_line))
    };
    ([(CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// Waits for the next entry. A reader that is too slow skips entries.
async fn next(mut live: Receiver<Value>) -> Option<(Value, Receiver<Value>)> {
    loop {
        match live.recv().await {
            Ok(entry) => return Some((entry, live)),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CallsQuery {
    call_sid: Option<String>,
}

async fn calls(State(sim): State<Arc<Sim>>, Query(query): Query<CallsQuery>) -> Json<Value> {
    let tables = sim.store.lock();
    let mut recordings: HashMap<&str, Vec<Value>> = HashMap::new();
    for recording in tables.recordings() {
        recordings
            .entry(&recording.call_sid)
            .or_default()
            .push(json!({
                "sid": recording.sid,
                "status": recording.status,
                "duration": recording.seconds,
                "error_code": recording.error_code,
            }));
    }
    let wanted = |call: &&Call| query.call_sid.as_ref().is_none_or(|sid| *sid == call.sid);
    let calls = tables.calls().filter(wanted);
    let reports: Vec<Value> = calls
        .map(|call| {
            report(
                call,
                recordings.get(call.sid.as_str()).map_or(&[], Vec::as_slice),
            )
        })
        .collect();
    Json(json!({ "calls": reports }))
}

fn report(call: &Call, recordings: &[Value]) -> Value {
    let date = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let url = match &call.request.source {
        TwimlSource::Url(target) => Some(target.url.as_str()),
        TwimlSource::Inline(_) => None,
    };
    json!({
        "sid": call.sid,
        "to": call.request.to,
        "from": call.request.from,
        "direction": call.request.origin.direction(),
        "parent_call_sid": call.request.origin.parent(),
        "status": call.status.as_str(),
        "url": url,
        "created": date(call.created),
        "answered_at": call.answered.map(date),
        "ended_at": call.ended.map(date),
        "duration": call.duration,
        "answered_by": call.answered_by,
        "ended_by": call.ended_by.map(EndedBy::as_str),
        "spoken": call.spoken,
        "interrupted": call.interrupted,
        "heard": call.heard,
        "machine": call.machine.map(|machine| machine.report(&call.heard)),
        "redirected_ms": call.redirected_ms,
        "bridged_seconds": call.bridged_seconds,
        "callbacks": { "sent": call.callbacks_sent, "delivered": call.callbacks_delivered },
        "recordings": recordings,
    })
}

async fn faults(State(sim): State<Arc<Sim>>) -> Json<FaultPlan> {
    Json(sim.faults.plan())
}

async fn replace_faults(State(sim): State<Arc<Sim>>, body: Bytes) -> Response {
    match FaultPlan::parse(&body) {
        Ok(plan) => {
            sim.log.write(
                "faults",
                None,
                json!({
                    "callbacks": plan.callbacks.len(),
                    "rest": plan.rest.len(),
                    "refuse_connections_ms": plan.refuse_connections_ms,
                }),
            );
            sim.faults.replace(plan.clone());
            Json(plan).into_response()
        }
        Err(message) => bad_request(&message),
    }
}

/// Makes a person call a number of the account.
async fn inbound(State(sim): State<Arc<Sim>>, body: Bytes) -> Response {
    let read = serde_json::from_slice(&body).map_err(|error| error.to_string());
    match read.and_then(|inbound| call::receive(&sim, inbound)) {
        Ok(sid) => (StatusCode::CREATED, Json(json!({ "sid": sid }))).into_response(),
        Err(message) => bad_request(&message),
    }
}

fn bad_request(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "message": message }))).into_response()
}
