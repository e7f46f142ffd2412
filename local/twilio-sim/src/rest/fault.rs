//! Breaking REST answers as the fault plan says.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::error::RestError;
use super::{Asked, route};
use crate::faults::{RestAction, RestRule, When};
use crate::server::Line;
use crate::sim::Sim;
use std::time::Duration;

/// Does `work` unless a fault comes before it, and returns its answer unless one comes after it.
pub(super) async fn around(
    sim: &Sim,
    line: &Line,
    asked: &Asked<'_>,
    work: impl Future<Output = Response>,
) -> Response {
    let operation = route::parse(asked.path).map(|(_, route)| route.operation(&asked.method));
    let fault =
        operation.and_then(|operation| sim.faults.on_request(operation, asked.form.get("To")));
    let Some(rule) = fault else { return work.await };
    sim.log.write(
        "fault",
        None,
        json!({ "rest": operation, "action": rule.action, "when": rule.when, "path": asked.path }),
    );
    let stall = Duration::from_millis(rule.delay_ms);
    match (rule.when, rule.action) {
        (When::Before, RestAction::Stall) => {
            tokio::time::sleep(stall).await;
            work.await
        }
        (When::Before, _) => broken(line, &rule, StatusCode::OK),
        (When::After, RestAction::Stall) => {
            let answer = work.await;
            tokio::time::sleep(stall).await;
            answer
        }
        (When::After, _) => {
            let answer = work.await;
            broken(line, &rule, answer.status())
        }
    }
}

fn broken(line: &Line, rule: &RestRule, usual: StatusCode) -> Response {
    let status = |default| {
        rule.status
            .and_then(|given| StatusCode::from_u16(given).ok())
            .unwrap_or(default)
    };
    match rule.action {
        RestAction::Refuse => {
            let code = rule.code.unwrap_or(20001);
            let message = "Refused by the fault plan".to_owned();
            RestError {
                status: status(StatusCode::BAD_REQUEST),
                code,
                message,
            }
            .into_response()
        }
        RestAction::RateLimit => RestError::too_many_requests().into_response(),
        RestAction::Error => {
            let page = "<html><body><h1>Service unavailable</h1></body></html>";
            (
                status(StatusCode::INTERNAL_SERVER_ERROR),
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
        RestAction::Stall | RestAction::Reset => {
            line.cut();
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
