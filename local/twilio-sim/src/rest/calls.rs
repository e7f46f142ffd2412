//! The Calls resource.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::call_document;
use super::date_filter::DateFilter;
use super::error::RestError;
use super::new_call;
use super::page::Page;
use super::params::Params;
use crate::call::{self, PlaceError};
use crate::call_events;
use crate::clock::rfc2822;
use crate::model::{Call, Command, Status, TwimlSource, Update};
use crate::phone_number::e164;
use crate::sim::Sim;
use crate::store::Tables;
use crate::twiml::MAX_INLINE;

/// The longest time that an update waits for the call to apply it.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Creates a call.
pub(super) fn create(sim: &Arc<Sim>, form: &Params) -> Result<Value, RestError> {
    let (request, status_callback) = new_call::read(sim, form)?;
    let url = format!("{}{}", sim.origin, sim.path("/Calls.json"));
    let creation = call_events::creation(&url, &form.0, &rfc2822(Utc::now()));
    let is_ambiguous = form.get("Url").is_some() && form.get("Twiml").is_some();
    let sid = call::place(sim, request, status_callback, creation).map_err(refusal)?;
    if is_ambiguous {
        call::warn(sim, &sid, 32019, "Twiml and Url are both set. Using Url.");
    }
    known(sim, sim.store.lock().call(&sid), &sid).map(|call| call_document::created(sim, call))
}

fn refusal(error: PlaceError) -> RestError {
    match error {
        PlaceError::ConcurrencyLimit => RestError::bad(10004, "Call concurrency limit exceeded"),
        PlaceError::QueueFull => RestError::bad(22005, "The queue already has 24 hours of calls"),
    }
}

/// Returns a call.
pub(super) fn fetch(sim: &Sim, sid: &str) -> Result<Value, RestError> {
    known(sim, sim.store.lock().call(sid), sid).map(|call| call_document::document(sim, call))
}

/// Lists calls, newest first.
pub(super) fn list(sim: &Sim, query: &Params) -> Result<Value, RestError> {
    let page = Page::from_query(query)?;
    let (started, ended) = (
        DateFilter::from_query(query, "StartTime")?,
        DateFilter::from_query(query, "EndTime")?,
    );
    let number = |name: &str| {
        query
            .get(name)
            .map(|text| e164(text).unwrap_or_else(|| text.to_owned()))
    };
    let (to, from) = (number("To"), number("From"));
    let (status, parent) = (query.get("Status"), query.get("ParentCallSid"));
    let tables = sim.store.lock();
    let matching = tables.calls().filter(|call| {
        to.as_ref().is_none_or(|to| *to == call.request.to)
            && from.as_ref().is_none_or(|from| *from == call.request.from)
            && status.is_none_or(|status| status == call.status.as_rest_str())
            && parent.is_none_or(|parent| Some(parent) == call.request.origin.parent())
            && started.contains(call.started.or(Some(call.created)))
            && ended.contains(call.ended)
    });
    let items = matching.map(|call| (call.sid.as_str(), call));
    Ok(
        page.document(&sim.path("/Calls.json"), query, "calls", items, |call| {
            call_document::document(sim, call)
        }),
    )
}

/// Lists the events of a call.
pub(super) fn events(sim: &Sim, sid: &str, query: &Params) -> Result<Value, RestError> {
    let page = Page::from_query(query)?;
    let tables = sim.store.lock();
    let call = known(sim, tables.call(sid), sid)?;
    let path = sim.path(&format!("/Calls/{sid}/Events.json"));
    let keys: Vec<String> = (0..call.events.len()).map(|at| at.to_string()).collect();
    let items = keys.iter().map(String::as_str).zip(&call.events);
    Ok(page.document(&path, query, "events", items, Value::clone))
}

/// Updates a call, and waits until the change has taken effect.
pub(super) async fn update(sim: &Arc<Sim>, sid: &str, form: &Params) -> Result<Value, RestError> {
    let update = read_update(sim, form)?;
    let status_callback =
        form.webhook_target(sim, "StatusCallback", "StatusCallbackMethod", 21609)?;
    let limit = form.seconds("TimeLimit", 1..=86_400, 20001)?;
    let (commands, status) = {
        let mut tables = sim.store.lock();
        known(sim, tables.call(sid), sid)?;
        let call = tables.call_mut(sid).ok_or_else(|| missing(sim, sid))?;
        if status_callback.is_some() && !call.status.has_ended() {
            call.status_callback = status_callback;
        }
        (call.commands.clone(), call.status)
    };
    for update in update.into_iter().chain(limit.map(Update::TimeLimit)) {
        let is_too_late_or_early = match update {
            Update::Redirect(_) => status != Status::InProgress,
            _ => status.has_ended(),
        };
        if is_too_late_or_early {
            return Err(RestError::bad(
                21220,
                "Call is not in-progress. Cannot redirect.",
            ));
        }
        apply(&commands, update).await;
    }
    fetch(sim, sid)
}

/// Passes an update to a call, and waits until it has taken effect. A call that has just ended ignores it.
pub(super) async fn apply(commands: &mpsc::UnboundedSender<Command>, update: Update) {
    let (done, applied) = oneshot::channel();
    if commands.send(Command { update, done }).is_ok() {
        let _ = tokio::time::timeout(UPDATE_TIMEOUT, applied).await;
    }
}

/// Deletes an ended call and its events, but not its recordings.
pub(super) fn delete(sim: &Sim, sid: &str) -> Result<(), RestError> {
    let mut tables = sim.store.lock();
    if !known(sim, tables.call(sid), sid)?.status.has_ended() {
        return Err(RestError::not_complete());
    }
    tables.delete_call(sid);
    Ok(())
}

/// Reads the change that an update requests, apart from the time limit.
fn read_update(sim: &Sim, form: &Params) -> Result<Option<Update>, RestError> {
    if let Some(status) = form.get("Status") {
        return match status {
            "completed" => Ok(Some(Update::Complete)),
            "canceled" => Ok(Some(Update::Cancel)),
            other => Err(RestError::bad(
                20001,
                format!("Status is not valid: {other}"),
            )),
        };
    }
    if let Some(target) = form.webhook_target(sim, "Url", "Method", 21205)? {
        return Ok(Some(Update::Redirect(TwimlSource::Url(target))));
    }
    let Some(twiml) = form.get("Twiml") else {
        return Ok(None);
    };
    if twiml.chars().count() > MAX_INLINE {
        return Err(RestError::bad(
            32018,
            format!("Twiml is longer than {MAX_INLINE} characters"),
        ));
    }
    Ok(Some(Update::Redirect(TwimlSource::Inline(
        twiml.to_owned(),
    ))))
}

/// Returns the call, or a 404 without one.
pub(super) fn known<'a>(
    sim: &Sim,
    call: Option<&'a Call>,
    sid: &str,
) -> Result<&'a Call, RestError> {
    call.ok_or_else(|| missing(sim, sid))
}

/// Returns a 404 if the call doesn't exist.
pub(super) fn check_exists(sim: &Sim, tables: &Tables, sid: &str) -> Result<(), RestError> {
    known(sim, tables.call(sid), sid).map(|_| ())
}

fn missing(sim: &Sim, sid: &str) -> RestError {
    RestError::not_found(&sim.path(&format!("/Calls/{sid}.json")))
}
