//! Twilio's Intelligence API, version 2, under `/v2`: services, transcripts and their sentences.

mod list;
mod services;
mod transcripts;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};

use super::dispatch::json_response;
use super::error::RestError;
use super::params::Params;
use super::request::RestRequest;
use crate::faults::RestOperation;
use crate::sim::Sim;

/// A resource of the Intelligence API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Services,
    Service(String),
    Transcripts,
    Transcript(String),
    Sentences(String),
}

/// Parses a path. Returns `None` for an unknown resource.
pub(super) fn parse(path: &str) -> Option<Route> {
    let segments: Vec<&str> = path.strip_prefix("/v2/")?.split('/').collect();
    Some(match segments[..] {
        ["Services"] => Route::Services,
        ["Services", sid] => Route::Service(sid.to_owned()),
        ["Transcripts"] => Route::Transcripts,
        ["Transcripts", sid] => Route::Transcript(sid.to_owned()),
        ["Transcripts", sid, "Sentences"] => Route::Sentences(sid.to_owned()),
        _ => return None,
    })
}

impl Route {
    /// Returns the operation that the fault plan uses for a request to this resource.
    pub(super) fn operation(&self, method: &Method) -> RestOperation {
        match (self, method) {
            (Self::Transcripts, &Method::POST) => RestOperation::Transcribe,
            (Self::Transcript(_), &Method::DELETE) => RestOperation::Delete,
            _ => RestOperation::Intelligence,
        }
    }
}

/// Responds to an authenticated request.
pub(super) fn respond(
    sim: &Arc<Sim>,
    request: &RestRequest<'_>,
    route: Route,
) -> Result<Response, RestError> {
    let query = Params::parse(request.query.unwrap_or_default().as_bytes());
    let (status, document) = match (route, &request.method) {
        (Route::Services, &Method::POST) => {
            (StatusCode::CREATED, services::create(sim, &request.form)?)
        }
        (Route::Services, &Method::GET) => (StatusCode::OK, services::list(sim, &query)?),
        (Route::Service(sid), &Method::GET) => (StatusCode::OK, services::fetch(sim, &sid)?),
        (Route::Service(sid), &Method::POST) => {
            (StatusCode::OK, services::update(sim, &sid, &request.form)?)
        }
        (Route::Transcripts, &Method::POST) => {
            let transcript = transcripts::create(sim, &request.form)?;
            (StatusCode::CREATED, transcript)
        }
        (Route::Transcripts, &Method::GET) => (StatusCode::OK, transcripts::list(sim, &query)?),
        (Route::Transcript(sid), &Method::GET) => (StatusCode::OK, transcripts::fetch(sim, &sid)?),
        (Route::Transcript(sid), &Method::DELETE) => {
            transcripts::delete(sim, &sid)?;
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        (Route::Sentences(sid), &Method::GET) => {
            (StatusCode::OK, transcripts::sentences(sim, &sid, &query)?)
        }
        _ => return Err(RestError::method_not_allowed()),
    };
    Ok(json_response(status, &document))
}
