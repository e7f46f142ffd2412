//! Calls with steps: stores each event, and returns the next document for Twilio.
//!
//! An answer is stored before it is acknowledged. The stored answer decides about the next document, so that a repeated request
//! gets the same one.

mod render;
mod transfer;

use bson::DateTime;

use crate::{
    dao::{Dao, DaoError, StepEvent, VoiceLookup},
    domain::{Answer, Ask, AskPlace, Call, CallId, CallSid, Place, Playing, TransferLeg},
};

pub use render::render;
pub use transfer::{connect, dial, whisper};

/// Stores the event in a request at this place of a call, and returns the call.
///
/// Only one command waits for the database.
///
/// # Errors
///
/// As [`Dao::record_step`].
pub async fn record(
    dao: &Dao,
    id: CallId,
    sid: &CallSid,
    place: &Place,
    keys: Option<&str>,
) -> Result<VoiceLookup, DaoError> {
    match event(place, keys, DateTime::now()) {
        Some(event) => dao.record_step(id, sid, &event).await,
        None => dao.look_up_for_voice(Some(id), sid).await,
    }
}

/// Returns the event in a request that arrived at this time. `None`: the ask is played again, and nothing is stored.
#[must_use]
pub fn event(place: &Place, keys: Option<&str>, at: DateTime) -> Option<StepEvent> {
    let ask = match place {
        Place::Start => return Some(StepEvent::Started),
        Place::End(is_whole) => return Some(StepEvent::Ended(*is_whole)),
        Place::Transfer(place) => {
            let leg = place.end.as_ref()?.to_leg(&place.step);
            return Some(StepEvent::Transfer(TransferLeg { at, ..leg }));
        }
        Place::Unknown => return None,
        Place::Ask(ask) => ask,
    };
    match keys {
        Some(keys) if keys != Ask::REPEAT_KEY => Some(StepEvent::Answered {
            answer: Answer {
                step: ask.step.clone(),
                nth: ask.nth,
                digits: keys.chars().take(Answer::MAX_DIGITS).collect(),
                option: ask.option(keys).map(str::to_owned),
                at,
            },
            ends_ask: ask.is_last(Some(keys)) && !ask.accepts(keys),
        }),
        _ if ask.is_last(keys) => Some(StepEvent::Unanswered(ask.step.clone())),
        _ => None,
    }
}

/// Returns the next document, or `None` if the call has no steps, or not this one.
#[must_use]
pub fn playing<'a>(call: &'a Call, place: &Place, keys: Option<&str>) -> Option<Playing<'a>> {
    let steps = call.steps.as_ref()?;
    match place {
        Place::Start => Some(steps.first()),
        Place::Ask(ask) => match keys {
            Some(keys) => steps.after_keys(ask, stored_keys(call, ask).unwrap_or(keys)),
            None => steps.after_silence(ask),
        },
        Place::End(_) | Place::Unknown | Place::Transfer(_) => None,
    }
}

/// The keys that count for this try.
fn stored_keys<'a>(call: &'a Call, place: &AskPlace) -> Option<&'a str> {
    let mut answers = call.answers.iter();
    let stored = answers.find(|answer| answer.step == place.step && answer.nth == place.nth)?;
    Some(&stored.digits)
}
