//! The Calls resource.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::dates::Span;
use super::error::RestError;
use super::new_call;
use super::page::Page;
use super::params::Params;
use crate::clock::rfc2822;
use crate::model::{Call, Command, Order, Status};
use crate::numbers::{e164, formatted};
use crate::sim::Sim;
use crate::store::Tables;
use crate::twiml::{MAX_INLINE, Source};
use crate::{call, events};

/// How long an update waits for the call to do what it was told.
const OBEYING: Duration = Duration::from_secs(5);
const SUBRESOURCES: &[(&str, &str)] = &[
    ("notifications", "Notifications"),
    ("recordings", "Recordings"),
    ("payments", "Payments"),
    ("events", "Events"),
    ("siprec", "Siprec"),
    ("streams", "Streams"),
    ("transcriptions", "Transcriptions"),
    (
        "user_defined_message_subscriptions",
        "UserDefinedMessageSubscriptions",
    ),
    ("user_defined_messages", "UserDefinedMessages"),
];

pub(super) fn create(sim: &Arc<Sim>, form: &Params) -> Result<Value, RestError> {
    let (request, status_callback) = new_call::read(sim, form)?;
    let url = format!("{}{}", sim.origin, sim.path("/Calls.json"));
    let asked = events::creation(&url, &form.0, &rfc2822(Utc::now()));
    let sid = call::place(sim, request, status_callback, asked);
    fetch(sim, &sid)
}

pub(super) fn fetch(sim: &Sim, sid: &str) -> Result<Value, RestError> {
    known(sim, sim.store.lock().call(sid), sid).map(|call| document(sim, call))
}

pub(super) fn list(sim: &Sim, query: &Params) -> Result<Value, RestError> {
    let page = Page::asked(query)?;
    let (started, ended) = (
        Span::asked(query, "StartTime")?,
        Span::asked(query, "EndTime")?,
    );
    let number = |name: &str| {
        query
            .get(name)
            .map(|text| e164(text).unwrap_or_else(|| text.to_owned()))
    };
    let (to, from) = (number("To"), number("From"));
    let status = query.get("Status");
    let tables = sim.store.lock();
    let matching = tables.calls().filter(|call| {
        to.as_ref().is_none_or(|to| *to == call.request.to)
            && from.as_ref().is_none_or(|from| *from == call.request.from)
            && status.is_none_or(|status| status == call.status.rest_word())
            // No call here has a parent.
            && query.get("ParentCallSid").is_none()
            && started.has(call.started.or(Some(call.created)))
            && ended.has(call.ended)
    });
    let items = matching.map(|call| (call.sid.as_str(), call));
    Ok(
        page.document(&sim.path("/Calls.json"), query, "calls", items, |call| {
            document(sim, call)
        }),
    )
}

pub(super) fn events(sim: &Sim, sid: &str, query: &Params) -> Result<Value, RestError> {
    let page = Page::asked(query)?;
    let tables = sim.store.lock();
    let call = known(sim, tables.call(sid), sid)?;
    let path = sim.path(&format!("/Calls/{sid}/Events.json"));
    let keys: Vec<String> = (0..call.events.len()).map(|at| at.to_string()).collect();
    let items = keys.iter().map(String::as_str).zip(&call.events);
    Ok(page.document(&path, query, "events", items, Value::clone))
}

pub(super) async fn update(sim: &Arc<Sim>, sid: &str, form: &Params) -> Result<Value, RestError> {
    let order = order(sim, form)?;
    let status_callback = form.hook(sim, "StatusCallback", "StatusCallbackMethod", 21609)?;
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
    for order in order.into_iter().chain(limit.map(Order::Limit)) {
        let not_now = match order {
            Order::Redirect(_) => status != Status::InProgress,
            _ => status.has_ended(),
        };
        if not_now {
            return Err(RestError::bad(
                21220,
                "Call is not in-progress. Cannot redirect.",
            ));
        }
        let (done, obeyed) = oneshot::channel();
        // A call that ends at this moment obeys no more; the answer tells how it ended.
        if commands.send(Command { order, done }).is_ok() {
            let _ = tokio::time::timeout(OBEYING, obeyed).await;
        }
    }
    fetch(sim, sid)
}

/// Deletes the record of an ended call, and its events; its recordings stay.
pub(super) fn delete(sim: &Sim, sid: &str) -> Result<(), RestError> {
    let mut tables = sim.store.lock();
    if !known(sim, tables.call(sid), sid)?.status.has_ended() {
        return Err(RestError::not_complete());
    }
    tables.delete_call(sid);
    Ok(())
}

fn order(sim: &Sim, form: &Params) -> Result<Option<Order>, RestError> {
    if let Some(status) = form.get("Status") {
        return match status {
            "completed" => Ok(Some(Order::Complete)),
            "canceled" => Ok(Some(Order::Cancel)),
            other => Err(RestError::bad(
                20001,
                format!("Status is not valid: {other}"),
            )),
        };
    }
    if let Some(hook) = form.hook(sim, "Url", "Method", 21205)? {
        return Ok(Some(Order::Redirect(Source::Url(hook))));
    }
    let Some(twiml) = form.get("Twiml") else {
        return Ok(None);
    };
    if twiml.chars().count() > MAX_INLINE {
        return Err(RestError::bad(
            20001,
            format!("Twiml is longer than {MAX_INLINE} characters"),
        ));
    }
    Ok(Some(Order::Redirect(Source::Inline(twiml.to_owned()))))
}

/// A call that exists, or 404.
pub(super) fn known<'a>(
    sim: &Sim,
    call: Option<&'a Call>,
    sid: &str,
) -> Result<&'a Call, RestError> {
    call.ok_or_else(|| missing(sim, sid))
}

/// Whether there is such a call, else 404.
pub(super) fn check(sim: &Sim, tables: &Tables, sid: &str) -> Result<(), RestError> {
    known(sim, tables.call(sid), sid).map(|_| ())
}

fn missing(sim: &Sim, sid: &str) -> RestError {
    RestError::not_found(&sim.path(&format!("/Calls/{sid}.json")))
}

fn document(sim: &Sim, call: &Call) -> Value {
    let date = |at: Option<chrono::DateTime<Utc>>| at.map(rfc2822);
    let base = sim.path(&format!("/Calls/{}", call.sid));
    let price = match (call.status, call.duration) {
        (Status::Completed, Some(seconds)) => {
            Some(format!("-{:.5}", 0.014 * f64::from(minutes(seconds))))
        }
        _ => None,
    };
    let subresources: serde_json::Map<String, Value> = SUBRESOURCES
        .iter()
        .map(|(key, name)| ((*key).to_owned(), format!("{base}/{name}.json").into()))
        .collect();
    json!({
        "account_sid": sim.config.account_sid,
        "annotation": null,
        "answered_by": call.answered_by,
        "api_version": "2010-04-01",
        "caller_name": null,
        "date_created": rfc2822(call.created),
        "date_updated": rfc2822(call.updated),
        "direction": "outbound-api",
        "duration": call.duration.map(|seconds| seconds.to_string()),
        "end_time": date(call.ended),
        "forwarded_from": null,
        "from": call.request.from,
        "from_formatted": formatted(&call.request.from),
        "group_sid": null,
        "parent_call_sid": null,
        "phone_number_sid": null,
        "price": price,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": call.sid,
        "start_time": date(call.started),
        "status": call.status.rest_word(),
        "subresource_uris": subresources,
        "to": call.request.to,
        "to_formatted": formatted(&call.request.to),
        "trunk_sid": null,
        "uri": format!("{base}.json"),
    })
}

fn minutes(seconds: u64) -> u32 {
    u32::try_from(seconds.div_ceil(60)).unwrap_or(u32::MAX)
}
