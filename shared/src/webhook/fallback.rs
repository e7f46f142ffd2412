//! Requests for the fallback URL. The function `fallback` answers them without knowing who sent them; `replay` checks the signature
//! before it stores what they say.

use std::{convert::Infallible, ops::RangeInclusive};

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
};
use bson::DateTime;

use super::{
    event::{InvalidForm, WebhookEvent, WebhookTopic, parse_voice},
    extractor::{call_id, text},
    queue::{QueuedWebhook, Unverified},
    step_request::StepRequest,
};
use crate::{
    dao::StepEvent,
    domain::{CallSid, Place},
    http::{BODY_MAX_BYTES, read_body, request_id},
    service::steps,
    twilio::form_pairs,
};

/// A request for the fallback URL, which anybody may have sent. A body that is too large or can't be read is empty.
#[derive(Debug)]
pub struct FallbackRequest {
    /// The query of the URL.
    query: String,
    /// The form.
    body: Bytes,
    signature: Option<String>,
    settings: Option<String>,
    request_id: String,
}

impl<S: Send + Sync> FromRequest<S> for FallbackRequest {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        let (query, request_id) = (request.uri().query(), request_id(&request));
        let query = query.unwrap_or_default().to_owned();
        let headers = request.headers().clone();
        let body = read_body(request, BODY_MAX_BYTES).await;
        let header = |name| text(&headers, name).map(str::to_owned);
        Ok(Self {
            query,
            body: body.unwrap_or_default(),
            signature: header("x-twilio-signature"),
            settings: header("x-twilio-webhooks-signature-settings"),
            request_id,
        })
    }
}

impl FallbackRequest {
    /// The `CallSid`. `None`: Twilio has not sent the request.
    #[must_use]
    pub fn call_sid(&self) -> Option<CallSid> {
        parse_voice(&self.body).ok()
    }

    /// Why Twilio requests the fallback URL.
    #[must_use]
    pub fn error_code(&self) -> Option<u32> {
        error_code(&self.body)
    }

    /// The URLs that name the call's language and place: the request's own, and the one that failed.
    #[must_use]
    pub fn urls(&self) -> [String; 2] {
        let failed = field(&self.body, "ErrorUrl").unwrap_or_default();
        [format!("?{}", self.query), failed]
    }

    /// Returns true if the call ends without a word: nothing is left to say, or the person has asked for no further calls.
    #[must_use]
    pub fn hangs_up(&self) -> bool {
        failed_step(&self.body).is_some_and(|step| step.hangs_up() || step.opts_out)
    }

    /// Returns the message to queue, for the call's record. `None`: without a signature or a call, nothing would be stored.
    #[must_use]
    pub fn into_message(self) -> Option<QueuedWebhook> {
        self.call_sid()?;
        Some(QueuedWebhook {
            topic: WebhookTopic::Fallback,
            call_id: Some(call_id(&self.query)?),
            token: None,
            form: QueuedWebhook::keepable_form(&self.body),
            received_at: DateTime::now().timestamp_millis(),
            request_id: self.request_id,
            unverified: Some(Unverified {
                query: self.query,
                signature: self.signature?,
                settings: self.settings,
            }),
        })
    }
}

/// Twilio's error codes for a document that it could not fetch.
const NOT_FETCHED: RangeInclusive<u32> = 11_200..=11_299;

/// Parses the form of a request for the fallback URL: what the record of a call learns from it.
///
/// A call with a script alone has not heard it, nor has one whose first steps were not fetched heard these. Otherwise a
/// failure cut it off, perhaps after keys, if Twilio sent them. Silence is not certain: Twilio may not repeat the keys of the request
/// that failed.
pub(super) fn parse_fallback(
    form: &[u8],
    received_at: DateTime,
) -> Result<WebhookEvent, InvalidForm> {
    let call_sid = parse_voice(form)?;
    let undelivered = |call_sid, is_certain| WebhookEvent::Undelivered {
        call_sid: Some(call_sid),
        is_certain,
    };
    let Some(step) = failed_step(form) else {
        return Ok(undelivered(call_sid, false));
    };
    let is_unfetched = error_code(form).is_some_and(|code| NOT_FETCHED.contains(&code));
    if step.place == Place::Start && is_unfetched {
        return Ok(undelivered(call_sid, true));
    }
    let (place, keys) = (&step.place, step.keys.as_deref());
    let is_uncertain = keys.is_none() && matches!(place, Place::Start | Place::Ask(_));
    let event = if is_uncertain {
        None
    } else {
        steps::event(place, keys, step.opts_out, received_at)
    };
    // A place after the start proves that the first words were said.
    let started = (*place != Place::Start).then_some(StepEvent::Started);
    let is_cut_off = !step.hangs_up() && !step.opts_out;
    let end = started.into_iter().chain([StepEvent::CutOff]);
    let end = end.filter(|_| is_cut_off);
    Ok(WebhookEvent::Step(
        call_sid,
        event.into_iter().chain(end).collect(),
    ))
}

/// The request that failed, if its URL has a place in the steps of a call.
fn failed_step(form: &[u8]) -> Option<StepRequest> {
    StepRequest::of(&field(form, "ErrorUrl")?, form)
}

fn error_code(form: &[u8]) -> Option<u32> {
    field(form, "ErrorCode")?.parse().ok()
}

fn field(form: &[u8], name: &str) -> Option<String> {
    let (_, value) = form_pairs(form).find(|(other, _)| other == name)?;
    Some(value.into_owned())
}
