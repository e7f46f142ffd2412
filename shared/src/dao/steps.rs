//! The operations of `voice` for calls with steps: each stores an event of the call and reads the call, in one command.

use mongodb::bson::{Bson, Document, bson, doc, serialize_to_bson};
use tokio::time::Instant;

use super::{
    Dao, DaoError, DuplicateKey, VoiceLookup,
    effects::{note_late_news, note_opt_out},
    status_pipeline::{APPLIES, SCRATCH, applies},
    stored::find_one_and_update,
    transfers,
    updates::{by_id, if_else, learn_sid_stage, literal},
    voice::READ_TIMEOUT,
    within,
};
use crate::domain::{Answer, Call, CallId, CallSid, Delivery, StepId, TransferLeg};

/// An event of a call with steps.
///
/// Any order and any repetition of events ends in the same call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepEvent {
    /// The person hears the first words.
    Started,
    /// The person pressed keys at an ask.
    Answered {
        /// The keys.
        answer: Answer,
        /// True if the keys are wrong, and this was the last try.
        ends_ask: bool,
    },
    /// The last try of an ask ended without keys.
    Unanswered(StepId),
    /// Something happened to the leg of a transfer.
    Transfer(TransferLeg),
    /// The steps went on to their end. True if everything was certainly played to its end.
    Ended(bool),
    /// A machine has recorded the message to its end.
    VoicemailLeft,
    /// The person asked for no further calls, by these keys at an ask.
    OptedOut(Option<Answer>),
    /// A failure ended the steps early.
    CutOff,
}

impl Dao {
    /// Stores an event of a call with steps, and the `CallSid` of a call without one. Returns the call after that.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; [`DaoError::Unavailable`] if the database has not acknowledged it within two seconds. The event may be
    /// stored then.
    pub async fn record_step(
        &self,
        id: CallId,
        sid: &CallSid,
        event: &StepEvent,
    ) -> Result<VoiceLookup, DaoError> {
        let stages = stages(sid, event)?;
        let recording = within(Instant::now() + READ_TIMEOUT, async {
            let calls = self.calls().await?;
            find_one_and_update::<Call>(&calls, by_id(id), stages).await
        });
        match recording.await {
            Ok(Some(call)) if call.twilio_sid.as_ref() == Some(sid) => {
                Ok(VoiceLookup::Call(call.into(), None))
            }
            Ok(Some(_)) | Err(DaoError::Duplicate(DuplicateKey::CallSid)) => {
                Ok(VoiceLookup::OtherCall)
            }
            Ok(None) => Ok(VoiceLookup::UnknownCall),
            Err(error) => Err(error),
        }
    }
}

/// The stages that store the event in the call with this `CallSid`. They change nothing in another one.
fn stages(sid: &CallSid, event: &StepEvent) -> Result<Vec<Document>, DaoError> {
    let mut changes = Document::new();
    if *event != StepEvent::VoicemailLeft {
        changes.insert("delivery", delivery(event));
    }
    match event {
        StepEvent::Started => {}
        StepEvent::Answered { answer, ends_ask } => {
            changes.insert("answers", answers(answer)?);
            if *ends_ask {
                changes.insert("unanswered", unanswered(&answer.step));
            }
        }
        StepEvent::Unanswered(step) => {
            changes.insert("unanswered", unanswered(step));
        }
        StepEvent::Transfer(leg) => {
            changes.insert("transfers", transfers::with(leg)?);
        }
        StepEvent::Ended(_) => {
            changes.insert("steps_ended", true);
        }
        StepEvent::VoicemailLeft => {
            changes.insert("voicemail_left", true);
        }
        StepEvent::OptedOut(answer) => {
            if let Some(answer) = answer {
                changes.insert("answers", answers(answer)?);
            }
            changes.insert("opted_out", true);
        }
        StepEvent::CutOff => {
            changes.insert("cut_off", true);
        }
    }
    let is_ours = bson!({ "$eq": ["$twilio_sid", sid.as_str()] });
    let is_change: Vec<_> = changes
        .iter()
        .map(|(field, value)| bson!({ "$ne": [format!("${field}"), value.clone()] }))
        .collect();
    let is_news = bson!({ "$and": [is_ours, { "$or": is_change }] });
    changes.insert("updated_at", "$$NOW");
    let mut changes: Document = changes
        .into_iter()
        .map(|(field, value)| {
            let stored = format!("${field}");
            (field, if_else(applies(), value, stored))
        })
        .collect();
    let has_keys = matches!(
        event,
        StepEvent::Answered { .. } | StepEvent::OptedOut(Some(_))
    );
    if has_keys {
        // Keys that come after the words of a sensitive call were erased are erased too.
        let reopens = bson!({ "$and": [applies(), { "$eq": ["$sensitive", true] }] });
        changes.insert("words_open", if_else(reopens, true, "$words_open"));
    }
    changes.extend(match event {
        StepEvent::OptedOut(_) => note_opt_out(applies()),
        _ => note_late_news(applies()),
    });
    Ok(vec![
        learn_sid_stage(sid),
        doc! { "$set": { SCRATCH: { APPLIES: is_news } } },
        doc! { "$set": changes },
        doc! { "$unset": SCRATCH },
    ])
}

/// How much the person has heard: never less than is stored.
fn delivery(event: &StepEvent) -> Bson {
    if *event == StepEvent::Ended(true) {
        return Delivery::Full.as_str().into();
    }
    if *event == StepEvent::CutOff {
        // Otherwise the first words were stored before.
        return bson!({ "$ifNull": ["$delivery", Delivery::None.as_str()] });
    }
    let full = Delivery::Full.as_str();
    if_else(
        bson!({ "$eq": ["$delivery", full] }),
        full,
        Delivery::Started.as_str(),
    )
}

/// The answers with this one. The earliest answer of a try counts.
fn answers(answer: &Answer) -> Result<Bson, DaoError> {
    let new = serialize_to_bson(answer).map_err(|error| DaoError::of_bson(&error))?;
    let stored = bson!({ "$ifNull": ["$answers", []] });
    let is_same = bson!({ "$and": [
        { "$eq": ["$$answer.step", answer.step.as_str()] },
        { "$eq": ["$$answer.try", answer.nth] },
    ] });
    let of_try = |condition: Bson| bson!({ "$filter": { "input": stored.clone(), "as": "answer", "cond": condition } });
    let same = bson!({ "$concatArrays": [of_try(is_same.clone()), [literal(new)]] });
    let first = bson!({ "$slice": [{ "$sortArray": { "input": same, "sortBy": { "at": 1, "digits": 1 } } }, 1] });
    let others = of_try(bson!({ "$not": [is_same] }));
    Ok(bson!({ "$sortArray": {
        "input": { "$concatArrays": [others, first] },
        "sortBy": { "at": 1, "step": 1, "try": 1 },
    } }))
}

/// The unanswered asks with this one.
fn unanswered(step: &StepId) -> Bson {
    let stored = bson!({ "$ifNull": ["$unanswered", []] });
    let others = bson!({ "$filter": {
        "input": stored,
        "as": "step",
        "cond": { "$ne": ["$$step", step.as_str()] },
    } });
    bson!({ "$sortArray": {
        "input": { "$concatArrays": [others, [step.as_str()]] },
        "sortBy": 1,
    } })
}
