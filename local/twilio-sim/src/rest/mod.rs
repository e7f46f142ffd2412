//! The REST API: `/2010-04-01/Accounts/{AccountSid}/…`.

mod account;
mod calls;
mod dates;
mod error;
mod fault;
mod new_call;
mod owned;
mod page;
mod params;
mod range;
mod recordings;
mod route;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use crate::server::Line;
use crate::sim::Sim;
use error::RestError;
use params::Params;
use route::Route;

/// How many requests are answered at the same time; more are refused with 429, as Twilio does.
const MAX_CONCURRENT: usize = 100;
/// The longest body that is read.
const MAX_BODY: usize = 1024 * 1024;

/// Answers a request, or breaks the answer as the fault plan says, and tells of it.
pub async fn serve(
    State(sim): State<Arc<Sim>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_BODY)
        .await
        .unwrap_or_default();
    let form = Params::parse(&body);
    let place = Place::take(&sim.in_flight);
    let asked = Asked {
        method: head.method,
        path: head.uri.path(),
        query: head.uri.query(),
        headers: &head.headers,
        form,
    };
    let answer = if place.number >= MAX_CONCURRENT {
        RestError::too_many_requests().into_response()
    } else {
        fault::around(&sim, &line, &asked, async {
            answer(&sim, &asked)
                .await
                .unwrap_or_else(IntoResponse::into_response)
        })
        .await
    };
    let made = answer
        .extensions()
        .get::<Made>()
        .map(|made| made.0.as_str());
    let mut parts = asked.path.split(['/', '.']);
    let sid = made.or_else(|| parts.find(|part| part.len() == 34 && part.starts_with("CA")));
    let mut entry = json!({
        "method": asked.method.as_str(),
        "path": asked.path,
        "status": answer.status().as_u16(),
        "elapsed_ms": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    if let Some(query) = asked.query {
        entry["query"] = query.into();
    }
    if !asked.form.0.is_empty() {
        entry["params"] = asked
            .form
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
    }
    sim.log.write("rest", sid, entry);
    answer
}

/// A place among the requests that are being answered, given back also where the client hangs up before the answer.
struct Place<'a> {
    taken: &'a AtomicUsize,
    /// How many were taken before it.
    number: usize,
}

impl<'a> Place<'a> {
    fn take(taken: &'a AtomicUsize) -> Self {
        let number = taken.fetch_add(1, Ordering::SeqCst);
        Self { taken, number }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.taken.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The call that a request made, for the log.
#[derive(Clone)]
struct Made(String);

/// A request whose body has been read.
struct Asked<'a> {
    method: Method,
    path: &'a str,
    query: Option<&'a str>,
    headers: &'a HeaderMap,
    form: Params,
}

async fn answer(sim: &Arc<Sim>, asked: &Asked<'_>) -> Result<Response, RestError> {
    let not_found = || RestError::not_found(asked.path);
    authenticate(sim, asked.headers)?;
    let (account, route) = route::parse(asked.path).ok_or_else(not_found)?;
    if account != sim.config.account_sid {
        return Err(not_found());
    }
    let query = Params::parse(asked.query.unwrap_or_default().as_bytes());
    let method = if asked.method == Method::HEAD {
        &Method::GET
    } else {
        &asked.method
    };
    let document = match (route, method) {
        (Route::Account, &Method::GET) => account::fetch(sim),
        (Route::Numbers, &Method::GET) => owned::incoming(sim, &query)?,
        (Route::CallerIds, &Method::GET) => owned::verified(sim, &query)?,
        (Route::Calls, &Method::GET) => calls::list(sim, &query)?,
        (Route::Calls, &Method::POST) => {
            let call = calls::create(sim, &asked.form)?;
            let mut answer = json_answer(StatusCode::CREATED, &call);
            answer
                .extensions_mut()
                .insert(Made(call["sid"].as_str().unwrap_or_default().to_owned()));
            return Ok(answer);
        }
        (Route::Call(sid), &Method::GET) => calls::fetch(sim, &sid)?,
        (Route::Call(sid), &Method::POST) => calls::update(sim, &sid, &asked.form).await?,
        (Route::Call(sid), &Method::DELETE) => {
            calls::delete(sim, &sid)?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        (Route::Events(sid), &Method::GET) => calls::events(sim, &sid, &query)?,
        (Route::Recordings(call), &Method::GET) => recordings::list(sim, call.as_deref(), &query)?,
        (Route::Recording(call, sid), &Method::GET) => {
            recordings::fetch(sim, call.as_deref(), &sid)?
        }
        (Route::Recording(call, sid) | Route::Media(call, sid, _), &Method::DELETE) => {
            recordings::delete(sim, call.as_deref(), &sid)?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        (Route::Media(call, sid, extension), &Method::GET) => {
            let how = (&asked.method, asked.headers);
            return recordings::media(sim, call.as_deref(), &sid, &extension, how);
        }
        _ => return Err(RestError::method_not_allowed()),
    };
    Ok(json_answer(StatusCode::OK, &document))
}

fn authenticate(sim: &Sim, headers: &HeaderMap) -> Result<(), RestError> {
    let given = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok());
    let Some((user, password)) = given.as_deref().and_then(|given| given.split_once(':')) else {
        return Err(RestError::unauthenticated());
    };
    let own = (
        sim.config.account_sid.as_str(),
        sim.config.auth_token.as_str(),
    );
    let keys = sim
        .config
        .api_keys
        .iter()
        .map(|(sid, secret)| (sid.as_str(), secret.as_str()));
    if std::iter::once(own)
        .chain(keys)
        .any(|known| known == (user, password))
    {
        Ok(())
    } else {
        Err(RestError::unauthenticated())
    }
}

fn json_answer(status: StatusCode, document: &Value) -> Response {
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        Bytes::from(document.to_string()),
    )
        .into_response()
}
