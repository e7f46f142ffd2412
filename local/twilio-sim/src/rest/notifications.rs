//! The Notifications resource of the account and of a call: the errors and warnings about calls.

use serde_json::{Value, json};

use super::calls;
use super::date_filter::DateFilter;
use super::error::RestError;
use super::page::Page;
use super::params::Params;
use crate::clock::rfc2822;
use crate::model::{Call, Notification};
use crate::sim::Sim;

/// Lists the notifications about a call or, with `None`, about all calls, newest first.
pub(super) fn list(sim: &Sim, call: Option<&str>, query: &Params) -> Result<Value, RestError> {
    let page = Page::from_query(query)?;
    let dates = DateFilter::from_query(query, "MessageDate")?;
    let level = query.get("Log");
    let tables = sim.store.lock();
    let path = match call {
        Some(sid) => {
            calls::check_exists(sim, &tables, sid)?;
            sim.path(&format!("/Calls/{sid}/Notifications.json"))
        }
        None => sim.path("/Notifications.json"),
    };
    let calls = tables
        .calls()
        .filter(|known| call.is_none_or(|sid| sid == known.sid));
    let all = calls.flat_map(|call| call.notifications.iter().rev().map(move |own| (call, own)));
    let matching = all.filter(|(_, own)| {
        level.is_none_or(|level| level == log_level(own)) && dates.contains(Some(own.at))
    });
    let items = matching.map(|item| (item.1.sid.as_str(), item));
    Ok(
        page.document(&path, query, "notifications", items, |(of, own)| {
            document(sim, of, own, call.is_some())
        }),
    )
}

/// Returns a notification of a call or the account.
pub(super) fn fetch(sim: &Sim, call: Option<&str>, sid: &str) -> Result<Value, RestError> {
    let tables = sim.store.lock();
    let calls = tables
        .calls()
        .filter(|known| call.is_none_or(|sid| sid == known.sid));
    let mut all = calls.flat_map(|call| call.notifications.iter().map(move |own| (call, own)));
    let Some((of, own)) = all.find(|(_, own)| own.sid == sid) else {
        return Err(RestError::not_found(
            &sim.path(&format!("/Notifications/{sid}.json")),
        ));
    };
    let mut document = document(sim, of, own, call.is_some());
    for name in ["request_variables", "response_body", "response_headers"] {
        document[name] = "".into();
    }
    Ok(document)
}

/// `0` for an error, `1` for a warning.
fn log_level(notification: &Notification) -> &'static str {
    if notification.is_error { "0" } else { "1" }
}

fn document(sim: &Sim, call: &Call, own: &Notification, of_call: bool) -> Value {
    let at = rfc2822(own.at);
    let place = if of_call {
        format!("/Calls/{}", call.sid)
    } else {
        String::new()
    };
    json!({
        "account_sid": sim.config.account_sid,
        "api_version": "2010-04-01",
        "call_sid": call.sid,
        "date_created": at,
        "date_updated": at,
        "error_code": own.code.to_string(),
        "log": log_level(own),
        "message_date": at,
        "message_text": own.message,
        "more_info": format!("https://www.twilio.com/docs/errors/{}", own.code),
        "request_method": if own.get { "GET" } else { "POST" },
        "request_url": own.url,
        "sid": own.sid,
        "uri": sim.path(&format!("{place}/Notifications/{}.json", own.sid)),
    })
}
