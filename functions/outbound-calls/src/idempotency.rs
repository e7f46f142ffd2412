use axum::response::{IntoResponse, Response};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mongodb::bson::DateTime;
use outdial::{
    domain::{Call, DialOutcome, OutboundCallRequest, Refusal},
    http::{FieldError, Problem},
};
use ring::digest;

use crate::create::{answer, with_outcome};

/// What makes a request a repeat of another.
#[derive(Debug, Clone)]
pub(crate) struct Repeatable {
    /// Hash of the API key's name, the route and the idempotency key.
    pub(crate) scope: String,
    /// Hash of the request.
    pub(crate) request_hash: String,
}

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

impl Repeatable {
    /// The request's idempotency, if it came with a key.
    ///
    /// # Errors
    ///
    /// 422 when the key is not 1–255 visible ASCII characters.
    pub(crate) fn of(
        headers: &HeaderMap,
        caller: Option<&str>,
        request: &OutboundCallRequest,
    ) -> Result<Option<Self>, Problem> {
        let Some(value) = headers.get(&HEADER) else {
            return Ok(None);
        };
        let key = value.as_bytes();
        if !(1..=255).contains(&key.len()) || !key.iter().all(u8::is_ascii_graphic) {
            return Err(Problem::invalid_fields(vec![FieldError {
                field: "Idempotency-Key".to_owned(),
                message: "must have 1 to 255 visible ASCII characters".to_owned(),
            }]));
        }
        let request = serde_json::to_vec(request).map_err(Problem::internal)?;
        Ok(Some(Self {
            scope: hash(&[
                caller.unwrap_or_default().as_bytes(),
                b"POST /calls/outbound",
                key,
            ]),
            request_hash: hash(&[&request]),
        }))
    }

    /// Answers a request whose key has been used: with the first answer again, if it is the same request.
    ///
    /// # Errors
    ///
    /// 422 for another request, 409 while the first is under way, the first refusal's 502.
    pub(crate) fn replay(&self, call: Call) -> Result<Response, Problem> {
        if call.request_hash.as_deref() != Some(&self.request_hash) {
            return Err(Problem::rule(
                "idempotency_key_reused",
                "Idempotency-Key",
                "came with another request before: a new request needs a new key",
            ));
        }
        let now = DateTime::now();
        let response = match call.dial_outcome {
            Some(DialOutcome::Pending)
                if call.dial_deadline.is_some_and(|deadline| now < deadline) =>
            {
                return Err(in_progress());
            }
            Some(DialOutcome::Pending) => answer(
                StatusCode::ACCEPTED,
                with_outcome(call, DialOutcome::Unknown),
            ),
            Some(DialOutcome::Refused) => Problem::twilio_refused(Refusal {
                http_status: call.error_status.and_then(|status| status.try_into().ok()),
                code: call.error_code,
                message: call.error_message.unwrap_or_default(),
            })
            .into_response(),
            _ => {
                let first = call
                    .answered_status
                    .and_then(|status| status.try_into().ok());
                let status = first.and_then(|status: u16| StatusCode::from_u16(status).ok());
                answer(status.unwrap_or(StatusCode::ACCEPTED), call)
            }
        };
        Ok(([(REPLAYED, HeaderValue::from_static("true"))], response).into_response())
    }
}

pub(crate) fn in_progress() -> Problem {
    Problem::conflict(
        "request_in_progress",
        "The first request with this Idempotency-Key is still under way. Repeat it in a moment.",
    )
    .retry_after(1)
}

/// SHA-256 of the parts, each with its length before it, so that no two lists of parts run together.
fn hash(parts: &[&[u8]]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    BASE64_URL_SAFE_NO_PAD.encode(context.finish())
}
