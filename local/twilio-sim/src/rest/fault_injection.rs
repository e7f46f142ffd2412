//! Injecting the plan's faults into REST requests.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::error::RestError;
use super::request::RestRequest;
use super::{intelligence, route};
use crate::faults::{RestAction, RestRule, When};
use crate::listener::ConnectionHandle;
use crate::sim::Sim;

/// Runs `work` unless a fault comes before it, and returns its response unless a fault comes after it.
pub(super) async fn with_faults(
    sim: &Sim,
    connection: &ConnectionHandle,
    request: &RestRequest<'_>,
    work: impl Future<Output = Response>,
) -> Response {
    let of_call = || route::parse(request.path).map(|(_, route)| route.operation(&request.method));
    let of_transcript = || {
        let route = intelligence::parse(request.path);
        route.map(|route| route.operation(&request.method))
    };
    let operation = of_call().or_else(of_transcript);
    let fault =
        operation.and_then(|operation| sim.faults.on_request(operation, request.form.get("To")));
    let Some(rule) = fault else { return work.await };
    sim.log.write(
        "fault",
        None,
        json!({ "rest": operation, "action": rule.action, "when": rule.when, "path": request.path }),
    );
    let stall = Duration::from_millis(rule.delay_ms);
    match (rule.when, rule.action) {
        (When::Before, RestAction::Stall) => {
            tokio::time::sleep(stall).await;
            work.await
        }
        (When::Before, _) => broken(connection, &rule, StatusCode::OK),
        (When::After, RestAction::Stall) => {
            let response = work.await;
            tokio::time::sleep(stall).await;
            response
        }
        (When::After, _) => {
            let response = work.await;
            broken(connection, &rule, response.status())
        }
    }
}

/// Returns the response that a fault sends instead. `usual` is the status without a fault.
fn broken(connection: &ConnectionHandle, rule: &RestRule, usual: StatusCode) -> Response {
    let status = rule
        .status
        .and_then(|given| StatusCode::from_u16(given).ok());
    match rule.action {
        RestAction::Refuse => {
            let code = rule.code.unwrap_or(20001);
            let mut error = RestError::with_usual_status(code, "Refused by the fault plan");
            error.status = status.unwrap_or(error.status);
            error.into_response()
        }
        RestAction::RateLimit => RestError::too_many_requests().into_response(),
        RestAction::Error => {
            let page = "<html><body><h1>Service unavailable</h1></body></html>";
            (
                status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                [(CONTENT_TYPE, "text/html")],
                page,
            )
                .into_response()
        }
        RestAction::Garbage => (
            usual,
            [(CONTENT_TYPE, "application/json")],
            "{\"sid\": \"CA",
        )
            .into_response(),
        RestAction::Close => {
            connection.close();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        RestAction::Stall | RestAction::Reset => {
            connection.reset();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
