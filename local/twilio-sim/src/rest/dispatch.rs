//! From a request to the resource that responds to it.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde_json::Value;

use super::authentication::authenticate;
use super::dial_record;
use super::error::RestError;
use super::params::Params;
use super::request::RestRequest;
use super::route::{self, Route};
use super::{
    account, call_recordings, calls, intelligence, notifications, phone_numbers, recordings,
};
use crate::sim::Sim;

/// A response extension with the SID of the created call. The log entry uses it.
#[derive(Clone)]
pub(super) struct CreatedCall(pub(super) String);

/// Authenticates a request and passes it to its resource.
pub(super) async fn dispatch(
    sim: &Arc<Sim>,
    request: &RestRequest<'_>,
) -> Result<Response, RestError> {
    let not_found = || RestError::not_found(request.path);
    authenticate(sim, request.headers)?;
    if let Some(route) = intelligence::parse(request.path) {
        return intelligence::respond(sim, request, route);
    }
    let (account, route) = route::parse(request.path).ok_or_else(not_found)?;
    if account != sim.config.account_sid {
        return Err(not_found());
    }
    let query = Params::parse(request.query.unwrap_or_default().as_bytes());
    let method = if request.method == Method::HEAD {
        &Method::GET
    } else {
        &request.method
    };
    let document = match (route, method) {
        (Route::Account, &Method::GET) => account::fetch(sim),
        (Route::PhoneNumbers, &Method::GET) => phone_numbers::incoming(sim, &query)?,
        (Route::PhoneNumber(sid), &Method::GET) => phone_numbers::fetch(sim, &sid)?,
        (Route::PhoneNumber(sid), &Method::POST) => {
            phone_numbers::update(sim, &sid, &request.form)?
        }
        (Route::CallerIds, &Method::GET) => phone_numbers::caller_ids(sim, &query)?,
        (Route::Calls, &Method::GET) => calls::list(sim, &query)?,
        (Route::Calls, &Method::POST) => {
            let call = calls::create(sim, &request.form)?;
            let sid = call["sid"].as_str().unwrap_or_default().to_owned();
            dial_record::created(sim, request, &sid);
            let mut response = json_response(StatusCode::CREATED, &call);
            response.extensions_mut().insert(CreatedCall(sid));
            return Ok(response);
        }
        (Route::Call(sid), &Method::GET) => calls::fetch(sim, &sid)?,
        (Route::Call(sid), &Method::POST) => calls::update(sim, &sid, &request.form).await?,
        (Route::Call(sid), &Method::DELETE) => {
            calls::delete(sim, &sid)?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        (Route::Events(sid), &Method::GET) => calls::events(sim, &sid, &query)?,
        (Route::Notifications(call), &Method::GET) => {
            notifications::list(sim, call.as_deref(), &query)?
        }
        (Route::Notification(call, sid), &Method::GET) => {
            notifications::fetch(sim, call.as_deref(), &sid)?
        }
        (Route::Recordings(Some(call)), &Method::POST) => {
            let recording = call_recordings::create(sim, &call, &request.form).await?;
            return Ok(json_response(StatusCode::CREATED, &recording));
        }
        (Route::Recording(Some(call), sid), &Method::POST) => {
            call_recordings::update(sim, &call, &sid, &request.form).await?
        }
        (Route::Recordings(call), &Method::GET) => recordings::list(sim, call.as_deref(), &query)?,
        (Route::Recording(call, sid), &Method::GET) => {
            recordings::fetch(sim, call.as_deref(), &sid)?
        }
        (Route::Recording(call, sid) | Route::Media(call, sid, _), &Method::DELETE) => {
            recordings::delete(sim, call.as_deref(), &sid)?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        (Route::Media(call, sid, extension), &Method::GET) => {
            let method_and_headers = (&request.method, request.headers);
            return recordings::media(sim, call.as_deref(), &sid, &extension, method_and_headers);
        }
        _ => return Err(RestError::method_not_allowed()),
    };
    Ok(json_response(StatusCode::OK, &document))
}

pub(super) fn json_response(status: StatusCode, document: &Value) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        Bytes::from(document.to_string()),
    )
        .into_response()
}
