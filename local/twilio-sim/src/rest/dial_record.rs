//! Recording the requests to create calls.

use axum::response::Response;
use http::Method;

use super::error::ErrorCode;
use super::params::Params;
use super::request::RestRequest;
use super::route::{self, Route};
use crate::dials::DialRequest;
use crate::listener::ConnectionHandle;
use crate::phone_number::e164;
use crate::sim::Sim;

/// Records a request to create a call, and returns its number. Returns `None` for any other request.
pub(super) fn begin(sim: &Sim, method: &Method, path: &str, form: &Params) -> Option<u64> {
    let is_dial = method == Method::POST
        && route::parse(path).is_some_and(|(_, route)| route == Route::Calls);
    let number = |name| {
        let given = form.get(name);
        given.map(|text| e164(text).unwrap_or_else(|| text.to_owned()))
    };
    let request = || DialRequest {
        to: number("To"),
        from: number("From"),
        call_id: form.get("Url").and_then(call_id),
    };
    is_dial.then(|| sim.store.lock().begin_dial(request()))
}

/// Records the call that a request created.
pub(super) fn created(sim: &Sim, request: &RestRequest<'_>, sid: &str) {
    if let Some(n) = request.dial {
        let mut tables = sim.store.lock();
        tables.update_dial(n, |dial| dial.call_sid = Some(sid.to_owned()));
    }
}

/// Records the response, unless the connection ends without one.
pub(super) fn answered(
    sim: &Sim,
    request: &RestRequest<'_>,
    connection: &ConnectionHandle,
    response: &Response,
) {
    let Some(n) = request.dial.filter(|_| !connection.is_broken()) else {
        return;
    };
    let status = response.status().as_u16();
    let code = response.extensions().get::<ErrorCode>();
    let code = code.map(|ErrorCode(code)| *code);
    sim.store.lock().update_dial(n, |dial| {
        dial.status = Some(status);
        dial.code = code;
    });
}

fn call_id(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    let mut pairs = url.query_pairs();
    pairs
        .find(|(name, _)| name == "call_id")
        .map(|(_, value)| value.into_owned())
}
