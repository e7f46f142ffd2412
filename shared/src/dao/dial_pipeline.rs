//! The updates that record how a dial ended, as aggregation pipelines. A webhook may arrive first; what it brought stays.

use mongodb::bson::{Bson, DateTime, Document, bson, doc};

use super::{
    DaoError,
    effects::note_end,
    status_pipeline::{StatusPipeline, applies, dial_precedence, stored_status_precedence},
    updates::{dial_is_unsettled, goes_by, if_else, learn_sid, literal, sid_is_absent},
};
use crate::domain::{
    CallEvent, CallSid, CallStatus, DialOutcome, DialResult, EventSource, TwilioRefusal,
};

/// The HTTP status stored for our API's caller if a webhook has shown that Twilio accepted the call.
const ACCEPTED_AFTER_ALL: i32 = 202;

/// The stages that record how a dial ended, in a call that a webhook or a hang-up request may have changed.
pub(super) fn record(
    result: &DialResult,
    answered_status: Option<u16>,
) -> Result<Vec<Document>, DaoError> {
    let now = DateTime::now();
    match result {
        DialResult::Accepted { sid, status } => Ok(vec![accept(sid, *status, answered_status)]),
        DialResult::Refused(refusal) => refuse(refusal, answered_status, now),
        DialResult::NotTaken(refusal) => not_taken(refusal, answered_status, now),
        DialResult::Unknown(_) => Ok(vec![leave_unknown(answered_status)]),
    }
}

/// The stage that records Twilio's acceptance, with the status in its response. The response adds no event: nothing has happened to
/// the call yet.
fn accept(sid: &CallSid, status: Option<CallStatus>, answered_status: Option<u16>) -> Document {
    let mut changes = learn_sid(sid);
    changes.insert("dial_outcome", DialOutcome::Accepted.as_str());
    changes.insert("answered_status", answered(answered_status));
    changes.insert("updated_at", "$$NOW");
    if let Some(status) = status {
        let precedence = dial_precedence(status);
        let wins = bson!({ "$and": [
            goes_by(sid),
            { "$gt": [literal(precedence.clone()), stored_status_precedence()] },
        ] });
        let set = |value: Bson, field: &str| if_else(wins.clone(), value, field);
        changes.insert("status", set(status.as_str().into(), "$status"));
        changes.insert("status_rank", set(status.rank().into(), "$status_rank"));
        let remembered =
            bson!({ "$mergeObjects": ["$precedence", { "status": literal(precedence) }] });
        changes.insert("precedence", set(remembered, "$precedence"));
        if status.is_terminal() {
            changes.extend(note_end(wins, status.as_str()));
        } else {
            changes.insert("result", set("$$REMOVE".into(), "$result"));
        }
    }
    doc! { "$set": changes }
}

/// The stages that record Twilio's refusal, unless the call is known to be accepted.
fn refuse(
    refusal: &TwilioRefusal,
    answered_status: Option<u16>,
    now: DateTime,
) -> Result<Vec<Document>, DaoError> {
    refuse_and(refusal, answered_status, now, Document::new())
}

/// The stages that record that Twilio has not taken the request, and free its idempotency key, unless the call is known to be
/// accepted.
fn not_taken(
    refusal: &TwilioRefusal,
    answered_status: Option<u16>,
    now: DateTime,
) -> Result<Vec<Document>, DaoError> {
    let key = if_else(applies(), "$$REMOVE", "$idempotency_scope");
    refuse_and(
        refusal,
        answered_status,
        now,
        doc! { "idempotency_scope": key },
    )
}

fn refuse_and(
    refusal: &TwilioRefusal,
    answered_status: Option<u16>,
    now: DateTime,
    changes: Document,
) -> Result<Vec<Document>, DaoError> {
    let event = failure(EventSource::Api, now);
    let facts = [
        ("error_code", refusal.code.map(Bson::from)),
        ("error_message", Some(refusal.message.clone().into())),
        (
            "error_status",
            refusal.http_status.map(|status| i32::from(status).into()),
        ),
    ];
    let may_be_refused = bson!({ "$and": [
        sid_is_absent(),
        { "$ne": ["$dial_outcome", DialOutcome::Accepted.as_str()] },
    ] });
    let settled = |name: &str, value: Bson| if_else(applies(), value, format!("${name}"));
    let mut also = doc! {
        "dial_outcome": settled("dial_outcome", DialOutcome::Refused.as_str().into()),
        "answered_status": match answered_status {
            Some(status) => if_else(applies(), i32::from(status), ACCEPTED_AFTER_ALL),
            None => answered(None),
        },
    };
    also.extend(changes);
    let rank = event.status.rank();
    Ok(StatusPipeline::new(&event, rank, &facts, may_be_refused)?.stages(also))
}

/// The new `answered_status`. A call that waited in the dial queue keeps its own.
fn answered(status: Option<u16>) -> Bson {
    status.map_or_else(
        || "$answered_status".into(),
        |status| i32::from(status).into(),
    )
}

/// The stage that records that Twilio's response was lost. A settled outcome stays.
fn leave_unknown(answered_status: Option<u16>) -> Document {
    let is_pending = bson!({ "$eq": ["$dial_outcome", DialOutcome::Pending.as_str()] });
    doc! { "$set": {
        "dial_outcome": if_else(is_pending, DialOutcome::Unknown.as_str(), "$dial_outcome"),
        "answered_status": answered(answered_status),
        "updated_at": "$$NOW",
    } }
}

/// The stages that conclude that a call has failed because Twilio does not know it, by the stored `CallSid` or, without one, at
/// all.
pub(super) fn give_up(sid: Option<&CallSid>, now: DateTime) -> Result<Vec<Document>, DaoError> {
    let event = failure(EventSource::Reconcile, now);
    let is_as_read = match sid {
        Some(sid) => bson!({ "$eq": ["$twilio_sid", sid.as_str()] }),
        None => bson!({ "$and": [sid_is_absent(), dial_is_unsettled()] }),
    };
    let active = CallStatus::ACTIVE.map(CallStatus::as_str).to_vec();
    let may_be_given_up = bson!({ "$and": [is_as_read, { "$in": ["$status", active] }] });
    let is_pending = bson!({ "$eq": ["$dial_outcome", DialOutcome::Pending.as_str()] });
    let gives_up = bson!({ "$and": [applies(), is_pending] });
    let outcome = if_else(gives_up, DialOutcome::Unknown.as_str(), "$dial_outcome");
    let rank = CallStatus::GIVEN_UP_RANK;
    let pipeline = StatusPipeline::new(&event, rank, &[], may_be_given_up)?;
    Ok(pipeline.stages(doc! { "dial_outcome": outcome }))
}

fn failure(source: EventSource, at: DateTime) -> CallEvent {
    CallEvent {
        status: CallStatus::Failed,
        at,
        source,
        sequence: None,
        token: None,
    }
}
