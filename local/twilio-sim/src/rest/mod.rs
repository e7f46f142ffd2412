//! The REST API: `/2010-04-01/Accounts/{AccountSid}` and, for transcripts, `/v2`.

mod account;
mod authentication;
mod byte_range;
mod call_document;
mod call_recordings;
mod calls;
mod date_filter;
mod dial_record;
mod dispatch;
mod error;
mod fault_injection;
mod intelligence;
mod new_call;
mod notifications;
mod page;
mod params;
mod phone_numbers;
mod recordings;
mod request;
mod route;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use crate::listener::ConnectionHandle;
use crate::sim::Sim;
use dispatch::{CreatedCall, dispatch};
use error::RestError;
use params::Params;
use request::RestRequest;

/// The most requests to serve at the same time. Further ones get a 429, like at Twilio.
const MAX_CONCURRENT: usize = 100;
/// The longest body to read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// Responds to a REST request, injects the faults of the plan, and logs the request.
pub async fn serve(
    State(sim): State<Arc<Sim>>,
    ConnectInfo(connection): ConnectInfo<ConnectionHandle>,
    request: Request,
) -> Response {
    let started = Instant::now();
    if sim.faults.refuses_connections() {
        connection.reset();
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY)
        .await
        .unwrap_or_default();
    let slot = RequestSlot::take(&sim.in_flight);
    let form = Params::parse(&body);
    let request = RestRequest {
        dial: dial_record::begin(&sim, &head.method, head.uri.path(), &form),
        method: head.method,
        path: head.uri.path(),
        query: head.uri.query(),
        headers: &head.headers,
        form,
    };
    let response = if slot.taken_before >= MAX_CONCURRENT {
        RestError::too_many_requests().into_response()
    } else {
        let work = async {
            let result = dispatch(&sim, &request).await;
            result.unwrap_or_else(IntoResponse::into_response)
        };
        fault_injection::with_faults(&sim, &connection, &request, work).await
    };
    dial_record::answered(&sim, &request, &connection, &response);
    log_request(&sim, &request, &response, started);
    response
}

fn log_request(sim: &Sim, request: &RestRequest<'_>, response: &Response, started: Instant) {
    let created = response.extensions().get::<CreatedCall>();
    let created = created.map(|CreatedCall(sid)| sid.as_str());
    let mut parts = request.path.split(['/', '.']);
    let sid = created.or_else(|| parts.find(|part| part.len() == 34 && part.starts_with("CA")));
    let mut entry = json!({
        "method": request.method.as_str(),
        "path": request.path,
        "status": response.status().as_u16(),
        "elapsed_ms": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    if let Some(query) = request.query {
        entry["query"] = query.into();
    }
    let params = &request.form.0;
    if !params.is_empty() {
        entry["params"] = params
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
    }
    sim.log.write("rest", sid, entry);
}

/// One of the requests in progress. Dropping it frees the slot, also if the client disconnects early.
struct RequestSlot<'a> {
    in_flight: &'a AtomicUsize,
    /// The number of requests in progress before this one.
    taken_before: usize,
}

impl<'a> RequestSlot<'a> {
    fn take(in_flight: &'a AtomicUsize) -> Self {
        let taken_before = in_flight.fetch_add(1, Ordering::SeqCst);
        Self {
            in_flight,
            taken_before,
        }
    }
}

impl Drop for RequestSlot<'_> {
    fn drop(&mut self) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}
