//! The update of a call's status: an aggregation pipeline, so that `MongoDB` reads, decides and writes in one atomic step. Any
//! order and any repetition of updates ends in the same document.
//!
//! Each update has a precedence: an array that `MongoDB` compares element by element. The status and every field that callbacks
//! report remember the precedence of the update that set them (`precedence.status`, `precedence.duration_seconds`, …). Only a
//! higher precedence replaces them.

use mongodb::bson::{Bson, Document, bson, doc, serialize_to_bson};

use super::{
    DaoError,
    effects::{note_end, note_given_up},
    updates::{goes_by, if_else, learn_sid, learns_sid, literal},
};
use crate::domain::{Call, CallEvent, CallStatus, EventSource, StatusUpdate};

/// The stages that apply a status callback, or a status from Twilio's REST API. A call with another `CallSid` stays unchanged.
pub(super) fn apply(update: &StatusUpdate) -> Result<Vec<Document>, DaoError> {
    let event = CallEvent {
        status: update.status,
        at: update.at,
        source: update.source,
        sequence: update.sequence,
        token: update.token.clone(),
    };
    let facts = [
        ("duration_seconds", update.duration_seconds.map(Bson::from)),
        (ANSWERED_BY, update.answered_by.clone().map(Bson::from)),
        (
            "sip_response_code",
            update.sip_response_code.map(Bson::from),
        ),
        ("error_code", update.error_code.map(Bson::from)),
        (
            "error_message",
            update.error_message.clone().map(Bson::from),
        ),
    ];
    let sid = &update.call_sid;
    let mut pipeline = StatusPipeline::new(&event, update.status.rank(), &facts, goes_by(sid))?;
    pipeline.decisions.insert("sid", learns_sid(sid));
    Ok(pipeline.stages(learn_sid(sid)))
}

/// The temporary field in which a stage stores its decisions. The next stage reads them, the last one removes them.
pub(super) const SCRATCH: &str = "_decisions";
/// The fact that says whether a person or a machine answered.
const ANSWERED_BY: &str = "answered_by";
/// The decision in [`SCRATCH`] that the update concerns the call in its present state.
pub(super) const APPLIES: &str = "applies";

/// A status update as expressions.
pub(super) struct StatusPipeline<'a> {
    event: Bson,
    status: CallStatus,
    rank: i32,
    precedence: Bson,
    facts: Vec<(&'a str, Bson)>,
    decisions: Document,
}

impl<'a> StatusPipeline<'a> {
    /// Prepares the update that stores `event`, its status with this rank, and those of the facts that have a value. `applies` is
    /// the condition on the stored call under which the update does anything.
    pub(super) fn new(
        event: &CallEvent,
        rank: i32,
        facts: &[(&'a str, Option<Bson>)],
        applies: Bson,
    ) -> Result<Self, DaoError> {
        let stored = serialize_to_bson(event).map_err(mongodb::error::Error::from)?;
        let is_known = match event.source {
            EventSource::Twilio => is_known_callback(event, &stored),
            EventSource::Api
            | EventSource::Reconcile
            | EventSource::Queue
            | EventSource::Unknown => is_known_conclusion(event),
        };
        let is_new = bson!({ "$and": [applies.clone(), of_no_event(is_known)] });
        // A repeated callback brings no facts. A conclusion may know facts that no callback has brought.
        let counts = match event.source {
            EventSource::Twilio => is_new.clone(),
            EventSource::Api
            | EventSource::Reconcile
            | EventSource::Queue
            | EventSource::Unknown => applies.clone(),
        };
        let precedence = precedence(event, rank);
        let outranks = |stored: Bson| {
            bson!({ "$and": [
            counts.clone(),
            { "$gt": [literal(precedence.clone()), stored] },
        ] })
        };
        let facts: Vec<_> = facts
            .iter()
            .filter_map(|(name, value)| Some((*name, value.clone()?)))
            .collect();
        let mut decisions = doc! {
            "is_new": is_new,
            "status": outranks(stored_status_precedence()),
        };
        for (name, _) in &facts {
            let stored = bson!({ "$ifNull": [format!("$precedence.{name}"), []] });
            decisions.insert(*name, outranks(stored));
        }
        decisions.insert(APPLIES, applies);
        Ok(Self {
            event: stored,
            status: event.status,
            rank,
            precedence,
            facts,
            decisions,
        })
    }

    /// The stages of the pipeline. The second stage also makes the changes in `also`.
    pub(super) fn stages(self, also: Document) -> Vec<Document> {
        let mut changes = doc! {
            "status": if_else(flag("status"), self.status.as_str(), "$status"),
            "status_rank": if_else(flag("status"), self.rank, "$status_rank"),
        };
        let remembered = |name: &str| {
            let mine = doc! { name: literal(self.precedence.clone()) };
            if_else(flag(name), mine, doc! {})
        };
        let mut precedences = vec![Bson::from("$precedence"), remembered("status")];
        for (name, value) in &self.facts {
            let change = if_else(flag(name), literal(value.clone()), format!("${name}"));
            changes.insert(*name, change);
            precedences.push(remembered(name));
        }
        let made: Vec<_> = self
            .decisions
            .keys()
            .filter(|decision| *decision != APPLIES)
            .map(|decision| flag(decision))
            .collect();
        if !self.status.is_terminal() {
            // A call that was given up goes on.
            changes.insert("result", if_else(flag("status"), "$$REMOVE", "$result"));
        }
        changes.extend(also);
        changes.extend(self.event_changes());
        changes.extend(self.effect_changes());
        let is_change = bson!({ "$or": made });
        let precedence = bson!({ "$mergeObjects": precedences });
        changes.insert(
            "precedence",
            if_else(is_change.clone(), precedence, "$precedence"),
        );
        changes.insert("updated_at", if_else(is_change, "$$NOW", "$updated_at"));
        let mut decisions = self.decisions;
        decisions.insert("events", other_events(self.status));
        vec![
            doc! { "$set": { SCRATCH: decisions } },
            doc! { "$set": changes },
            doc! { "$unset": SCRATCH },
        ]
    }

    /// Notes the effect of an end, and of news that a call that has ended was answered, or by whom.
    fn effect_changes(&self) -> Document {
        let mut news = Vec::new();
        if self.rank == CallStatus::ENDED_RANK {
            news.push(flag("status"));
        }
        let has_ended = bson!({ "$eq": ["$status_rank", CallStatus::ENDED_RANK] });
        if self.facts.iter().any(|(name, _)| *name == ANSWERED_BY) {
            news.push(bson!({ "$and": [has_ended.clone(), flag(ANSWERED_BY)] }));
        }
        if self.status.is_answer() {
            let answers = CallStatus::ANSWERS.map(CallStatus::as_str).to_vec();
            let is_answer = bson!({ "$in": ["$$event.status", answers] });
            let is_first = of_no_event(is_answer);
            news.push(bson!({ "$and": [has_ended, flag("is_new"), is_first] }));
        }
        let status = if_else(flag("status"), self.status.as_str(), "$status");
        if self.rank == CallStatus::GIVEN_UP_RANK {
            return note_given_up(flag("status"), status);
        }
        if news.is_empty() {
            return Document::new();
        }
        note_end(bson!({ "$or": news }), status)
    }

    /// Sorts the new event into the stored timeline. So neither the timeline nor the events that don't fit depend on the order of
    /// arrival.
    fn event_changes(&self) -> Document {
        let others = format!("${SCRATCH}.events");
        let max = i64::try_from(Call::EVENTS_MAX).unwrap_or(i64::MAX);
        let all = bson!({ "$sortArray": {
            "input": { "$concatArrays": [others.clone(), [literal(self.event.clone())]] },
            "sortBy": { "at": 1, "sequence": 1, "status": 1, "source": 1, "token": 1 },
        } });
        let one_more = bson!({ "$add": [{ "$ifNull": ["$events_dropped", 0_i64] }, 1_i64] });
        let is_full = bson!({ "$gte": [{ "$size": others }, max] });
        doc! {
            "events": if_else(flag("is_new"), bson!({ "$slice": [all, max] }), "$events"),
            "events_dropped": if_else(
                bson!({ "$and": [flag("is_new"), is_full] }),
                one_more,
                "$events_dropped",
            ),
        }
    }
}

/// The condition `applies` of [`StatusPipeline::new`], for other changes of the same stage.
pub(super) fn applies() -> Bson {
    flag(APPLIES)
}

fn flag(name: &str) -> Bson {
    format!("${SCRATCH}.{name}").into()
}

/// The sequence of an update without `SequenceNumber`: lower than every other.
const NO_SEQUENCE: i64 = -1;
/// Stands where other precedences have a negative time, and is higher than each of them. So an update of equal rank does not replace
/// the status with which a call was stored.
const STORED: i64 = 1;
/// Replaces [`STORED`] in Twilio's response to the dial, and is higher.
const AFTER_STORING: i64 = 2;

/// Rank, then sequence. The other elements only decide between updates that contradict each other, so that the order of arrival
/// does not: the earlier update wins.
fn precedence(event: &CallEvent, rank: i32) -> Bson {
    bson!([
        rank,
        event.sequence.unwrap_or(NO_SEQUENCE),
        event.at.timestamp_millis().saturating_neg(),
        event.status.as_str(),
        event.source.as_str(),
        event.token.as_deref().unwrap_or_default(),
    ])
}

/// The precedence of the status in Twilio's response to the dial: above the status with which the call was stored, below every
/// callback of the same rank.
pub(super) fn dial_precedence(status: CallStatus) -> Bson {
    bson!([status.rank(), NO_SEQUENCE, AFTER_STORING])
}

/// The precedence of the stored status. Without an update, the rank decides; the earlier service stored no rank, so there the status
/// decides. A call that was given up has the lowest precedence: Twilio may queue a call for a day, and then any callback counts.
pub(super) fn stored_status_precedence() -> Bson {
    let branches: Vec<_> = CallStatus::ALL
        .into_iter()
        .map(|status| {
            doc! { "case": { "$eq": ["$status", status.as_str()] }, "then": status.rank() }
        })
        .collect();
    let rank = bson!({ "$switch": { "branches": branches, "default": 0 } });
    let stored = bson!({ "$ifNull": [
        "$precedence.status",
        [{ "$ifNull": ["$status_rank", rank] }, NO_SEQUENCE, STORED],
    ] });
    let was_given_up = bson!({ "$eq": ["$status_rank", CallStatus::GIVEN_UP_RANK] });
    if_else(was_given_up, Bson::Array(Vec::new()), stored)
}

/// Matches an `$$event` that is this callback. Twilio repeats a callback with the same `SequenceNumber` and the same token.
fn is_known_callback(event: &CallEvent, stored: &Bson) -> Bson {
    let mut same = Vec::new();
    if let Some(sequence) = event.sequence {
        same.push(bson!({ "$eq": ["$$event.sequence", sequence] }));
    }
    if let Some(token) = &event.token {
        same.push(bson!({ "$eq": ["$$event.token", literal(token.as_str())] }));
    }
    if same.is_empty() {
        same.push(bson!({ "$eq": ["$$event", literal(stored.clone())] }));
    }
    bson!({ "$or": same })
}

/// Matches an `$$event` that makes this conclusion redundant: a callback with the same status, or an earlier conclusion.
fn is_known_conclusion(event: &CallEvent) -> Bson {
    bson!({ "$and": [
        { "$eq": ["$$event.status", event.status.as_str()] },
        { "$or": [
            { "$ne": ["$$event.source", event.source.as_str()] },
            { "$lte": ["$$event.at", event.at] },
        ] },
    ] })
}

/// True if no stored `$$event` matches the condition.
///
/// Tests the events one by one. `$events.sequence` would do in `MongoDB`, but not in every server with its protocol.
fn of_no_event(condition: Bson) -> Bson {
    let stored = bson!({ "$ifNull": ["$events", []] });
    let all = bson!({ "$map": { "input": stored, "as": "event", "in": condition } });
    bson!({ "$not": [{ "$anyElementTrue": [all] }] })
}

/// The timeline without our own conclusion of this status, which the new event replaces.
fn other_events(status: CallStatus) -> Bson {
    let is_other = bson!({ "$or": [
        { "$ne": ["$$event.status", status.as_str()] },
        { "$ne": ["$$event.source", EventSource::Api.as_str()] },
    ] });
    let stored = bson!({ "$ifNull": ["$events", []] });
    bson!({ "$filter": { "input": stored, "as": "event", "cond": is_other } })
}
