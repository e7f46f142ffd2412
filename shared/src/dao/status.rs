//! The one update that a status callback makes: an aggregation pipeline, so that reading and deciding happen inside the
//! database, atomically, and any order of any number of callbacks ends in the same document.
//!
//! Each update has a precedence, an array that the database compares element by element. Status and every field
//! that callbacks tell remember the precedence of the update that set them (`precedence.status`,
//! `precedence.duration_seconds`, …) and give way to a higher one alone.

use mongodb::bson::{Bson, DateTime, Document, bson, doc, serialize_to_bson};

use super::{
    DaoError,
    expr::{if_else, literal, sid_is_absent},
};
use crate::domain::{
    Call, CallEvent, CallSid, CallStatus, DialOutcome, EventSource, Refusal, StatusUpdate,
};

/// Applies a status callback, or what Twilio's REST API has told, to a call that goes by no other `CallSid`.
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
        ("answered_by", update.answered_by.clone().map(Bson::from)),
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
    let mut told = StatusPipeline::new(&event, update.status.rank(), &facts, goes_by(sid))?;
    told.decisions.insert("sid", sid_is_news(sid));
    Ok(told.stages(learn_sid(sid)))
}

/// Records that Twilio has taken the call, and what its answer says of it: a stage. That comes after the status with which the
/// call was stored, and before any callback of the same rank. It is no event: nothing has happened to the call yet.
pub(super) fn accept(sid: &CallSid, status: Option<CallStatus>, answered_status: u16) -> Document {
    let mut changes = learn_sid(sid);
    changes.insert("dial_outcome", DialOutcome::Accepted.as_str());
    changes.insert("answered_status", i32::from(answered_status));
    changes.insert("updated_at", "$$NOW");
    if let Some(status) = status {
        let precedence = bson!([status.rank(), NO_SEQUENCE, AFTER_STORING]);
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
    }
    doc! { "$set": changes }
}

/// Records that Twilio has refused the call, unless something better is known.
pub(super) fn refuse(
    refusal: &Refusal,
    answered_status: u16,
    now: DateTime,
) -> Result<Vec<Document>, DaoError> {
    refuse_and(refusal, answered_status, now, Document::new())
}

/// Records that Twilio has not taken the call and frees its idempotency key, unless something better is known.
pub(super) fn not_taken(
    refusal: &Refusal,
    answered_status: u16,
    now: DateTime,
) -> Result<Vec<Document>, DaoError> {
    let key = if_else(flag(APPLIES), "$$REMOVE", "$idempotency_scope");
    refuse_and(
        refusal,
        answered_status,
        now,
        doc! { "idempotency_scope": key },
    )
}

fn refuse_and(
    refusal: &Refusal,
    answered_status: u16,
    now: DateTime,
    changes: Document,
) -> Result<Vec<Document>, DaoError> {
    let event = CallEvent {
        status: CallStatus::Failed,
        at: now,
        source: EventSource::Api,
        sequence: None,
        token: None,
    };
    let facts = [
        ("error_code", refusal.code.map(Bson::from)),
        ("error_message", Some(refusal.message.clone().into())),
        (
            "error_status",
            refusal.http_status.map(|status| i32::from(status).into()),
        ),
    ];
    let nothing_better = bson!({ "$and": [
        sid_is_absent(),
        { "$ne": ["$dial_outcome", DialOutcome::Accepted.as_str()] },
    ] });
    let settled = |name: &str, value: Bson| if_else(flag(APPLIES), value, format!("${name}"));
    let mut also = doc! {
        "dial_outcome": settled("dial_outcome", DialOutcome::Refused.as_str().into()),
        "answered_status": if_else(flag(APPLIES), i32::from(answered_status), TAKEN_ALL_THE_SAME),
    };
    also.extend(changes);
    let rank = event.status.rank();
    Ok(StatusPipeline::new(&event, rank, &facts, nothing_better)?.stages(also))
}

/// Concludes that a call has failed which Twilio does not know: by the name that we have of it, or, where there is none, by
/// anything.
pub(super) fn give_up(sid: Option<&CallSid>, now: DateTime) -> Result<Vec<Document>, DaoError> {
    let event = CallEvent {
        status: CallStatus::Failed,
        at: now,
        source: EventSource::Reconcile,
        sequence: None,
        token: None,
    };
    let as_we_know_it = match sid {
        Some(sid) => bson!({ "$eq": ["$twilio_sid", sid.as_str()] }),
        None => bson!({ "$and": [sid_is_absent(), dialling_is_unsettled()] }),
    };
    let going_on: Vec<_> = CallStatus::ALL
        .into_iter()
        .filter(|status| !status.is_terminal())
        .map(CallStatus::as_str)
        .collect();
    let applies = bson!({ "$and": [as_we_know_it, { "$in": ["$status", going_on] }] });
    let is_pending = bson!({ "$eq": ["$dial_outcome", DialOutcome::Pending.as_str()] });
    let gives_up = bson!({ "$and": [flag(APPLIES), is_pending] });
    let outcome = if_else(gives_up, DialOutcome::Unknown.as_str(), "$dial_outcome");
    let rank = CallStatus::GIVEN_UP_RANK;
    Ok(StatusPipeline::new(&event, rank, &[], applies)?.stages(doc! { "dial_outcome": outcome }))
}

/// What the caller of our API gets where a webhook knows better than a refusal: 202.
const TAKEN_ALL_THE_SAME: i32 = 202;

/// Sets Twilio's name of the call where there is none yet; whoever knows it knows that Twilio has the call.
pub(super) fn learn_sid(sid: &CallSid) -> Document {
    doc! {
        "twilio_sid": if_else(sid_is_absent(), literal(sid.as_str()), "$twilio_sid"),
        "dial_outcome": if_else(
            bson!({ "$and": [goes_by(sid), dialling_is_unsettled()] }),
            DialOutcome::Accepted.as_str(),
            "$dial_outcome",
        ),
    }
}

/// [`learn_sid`] as a stage of its own.
pub(super) fn learn(sid: &CallSid) -> Document {
    let mut changes = learn_sid(sid);
    let updated_at = if_else(sid_is_news(sid), "$$NOW", "$updated_at");
    changes.insert("updated_at", updated_at);
    doc! { "$set": changes }
}

/// Whether [`learn_sid`] changes anything: `updated_at` then tells when.
fn sid_is_news(sid: &CallSid) -> Bson {
    bson!({ "$and": [
        goes_by(sid),
        { "$or": [sid_is_absent(), dialling_is_unsettled()] },
    ] })
}

/// Whether the call has that name, or none yet.
pub(super) fn goes_by(sid: &CallSid) -> Bson {
    bson!({ "$in": [{ "$ifNull": ["$twilio_sid", ""] }, ["", sid.as_str()]] })
}

fn dialling_is_unsettled() -> Bson {
    let unsettled = [DialOutcome::Pending, DialOutcome::Unknown].map(DialOutcome::as_str);
    bson!({ "$in": ["$dial_outcome", unsettled.to_vec()] })
}

/// Where the first stage leaves its decisions for the second one; the third removes it.
const SCRATCH: &str = "_told";
/// The decision whether the update concerns the call as it is.
const APPLIES: &str = "applies";

/// An update in the form of expressions.
struct StatusPipeline<'a> {
    event: Bson,
    status: CallStatus,
    rank: i32,
    sequence: i64,
    precedence: Bson,
    facts: Vec<(&'a str, Bson)>,
    decisions: Document,
}

impl<'a> StatusPipeline<'a> {
    fn new(
        event: &CallEvent,
        rank: i32,
        facts: &[(&'a str, Option<Bson>)],
        applies: Bson,
    ) -> Result<Self, DaoError> {
        let stored = serialize_to_bson(event).map_err(mongodb::error::Error::from)?;
        let is_known = match event.source {
            EventSource::Twilio => is_known_callback(event, &stored),
            EventSource::Api | EventSource::Reconcile => is_known_conclusion(event),
        };
        let is_new = bson!({ "$and": [applies.clone(), of_no_event(is_known)] });
        // A callback that was heard before tells nothing; a conclusion may know facts that a callback has not told.
        let counts = match event.source {
            EventSource::Twilio => is_new.clone(),
            EventSource::Api | EventSource::Reconcile => applies.clone(),
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
            sequence: event.sequence.unwrap_or(NO_SEQUENCE),
            precedence,
            facts,
            decisions,
        })
    }

    /// `also` is set by the same stage.
    fn stages(self, also: Document) -> Vec<Document> {
        let mut changes = doc! {
            "status": if_else(flag("status"), self.status.as_str(), "$status"),
            "status_rank": if_else(flag("status"), self.rank, "$status_rank"),
            "status_sequence": if_else(flag("status"), self.sequence, "$status_sequence"),
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
        let news: Vec<_> = self
            .decisions
            .keys()
            .filter(|decision| *decision != APPLIES)
            .map(|decision| flag(decision))
            .collect();
        changes.extend(also);
        changes.extend(self.event_changes());
        let is_news = bson!({ "$or": news });
        let precedence = bson!({ "$mergeObjects": precedences });
        changes.insert(
            "precedence",
            if_else(is_news.clone(), precedence, "$precedence"),
        );
        changes.insert("updated_at", if_else(is_news, "$$NOW", "$updated_at"));
        let mut decisions = self.decisions;
        decisions.insert("events", other_events(self.status));
        vec![
            doc! { "$set": { SCRATCH: decisions } },
            doc! { "$set": changes },
            doc! { "$unset": SCRATCH },
        ]
    }

    /// The stored timeline is in order, so that it is the same whatever arrived first, and so is what does not fit in.
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

fn flag(name: &str) -> Bson {
    format!("${SCRATCH}.{name}").into()
}

/// An update without a `SequenceNumber` comes before those that have one.
const NO_SEQUENCE: i64 = -1;
/// In place of a time: the status with which a call was stored is as if it were of a time that is more than any other one's
/// ([`stored_status_precedence`]), and Twilio's answer to the dial comes after it.
const STORED: i64 = 1;
const AFTER_STORING: i64 = 2;

/// Rank, then sequence. The rest only decides between updates that contradict each other, so that their order of
/// arrival does not: the earlier one wins.
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

/// A document that no update has touched holds its status by rank alone, and keeps it against an equal rank: [`STORED`] is
/// more than any negative time. The earlier service stored no rank; it follows from the word. A call that was given up gives way
/// to anything: Twilio may queue one for a day.
fn stored_status_precedence() -> Bson {
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

/// A callback comes again with the same `SequenceNumber` and the same token.
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

/// What we conclude from an answer is an event only while no callback tells the same, and only the earliest is kept.
fn is_known_conclusion(event: &CallEvent) -> Bson {
    bson!({ "$and": [
        { "$eq": ["$$event.status", event.status.as_str()] },
        { "$or": [
            { "$ne": ["$$event.source", event.source.as_str()] },
            { "$lte": ["$$event.at", event.at] },
        ] },
    ] })
}

/// Whether the condition is true of no stored `$$event`.
///
/// It looks at each of them: `$events.sequence` would do in `MongoDB`, but not in every server that speaks its protocol.
fn of_no_event(condition: Bson) -> Bson {
    let stored = bson!({ "$ifNull": ["$events", []] });
    let all = bson!({ "$map": { "input": stored, "as": "event", "in": condition } });
    bson!({ "$not": [{ "$anyElementTrue": [all] }] })
}

/// The timeline without our own conclusion of that status: the new event takes its place.
fn other_events(status: CallStatus) -> Bson {
    let is_other = bson!({ "$or": [
        { "$ne": ["$$event.status", status.as_str()] },
        { "$ne": ["$$event.source", EventSource::Api.as_str()] },
    ] });
    let stored = bson!({ "$ifNull": ["$events", []] });
    bson!({ "$filter": { "input": stored, "as": "event", "cond": is_other } })
}
