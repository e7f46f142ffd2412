//! Calls with steps: stores each event, and returns the next document for Twilio.
//!
//! An answer is stored before it is acknowledged. The stored answer decides about the next document, so that a repeated request
//! gets the same one.

mod machines;
mod opt_out;
mod render;
mod transfer;

use bson::DateTime;

use crate::{
    dao::{Dao, DaoError, StepEvent, VoiceLookup},
    domain::{Answer, Ask, AskPlace, Call, CallId, CallSid, Place, Playing, Steps, TransferLeg},
};

pub use machines::{holds, message, plays_message};
pub use opt_out::{block, opt_caller_out, report_caller, store};
pub use render::{Message, render, render_hold, render_message};
pub use transfer::{connect, dial, forward, whisper};

/// Stores the event in a request at this place of a call, and returns the call.
///
/// Only one command waits for the database. An opt-out takes a second one, which blocks the number before this returns.
///
/// # Errors
///
/// As [`store`].
pub async fn record(
    dao: &Dao,
    id: CallId,
    sid: &CallSid,
    place: &Place,
    keys: Option<&str>,
    opts_out: bool,
) -> Result<VoiceLookup, DaoError> {
    match event(place, keys, opts_out, DateTime::now()) {
        Some(event) => store(dao, id, sid, &event).await,
        None => dao.look_up_for_voice(Some(id), sid).await,
    }
}

/// Returns the event in a request that arrived at this time. `None`: the ask is played again, and nothing is stored.
#[must_use]
pub fn event(place: &Place, keys: Option<&str>, opts_out: bool, at: DateTime) -> Option<StepEvent> {
    let ask = match place {
        _ if opts_out => return Some(opt_out::event(place, keys, at)),
        Place::Start => return Some(StepEvent::Started),
        Place::End(is_whole) => return Some(StepEvent::Ended(*is_whole)),
        Place::VoicemailDone => return Some(StepEvent::VoicemailLeft),
        Place::Transfer(place) => {
            let leg = place.end.as_ref()?.to_leg(&place.step);
            return Some(StepEvent::Transfer(TransferLeg { at, ..leg }));
        }
        Place::Hold(_) | Place::Said(_) | Place::Voicemail | Place::Unknown => return None,
        Place::Ask(ask) => ask,
    };
    match keys {
        Some(keys) if keys != Ask::REPEAT_KEY => Some(StepEvent::Answered {
            answer: answer(ask, keys, at),
            ends_ask: ask.is_last(Some(keys)) && !ask.accepts(keys),
        }),
        _ if ask.is_last(keys) => Some(StepEvent::Unanswered(ask.step.clone())),
        _ => None,
    }
}

fn answer(ask: &AskPlace, keys: &str, at: DateTime) -> Answer {
    Answer {
        step: ask.step.clone(),
        nth: ask.nth,
        digits: keys.chars().take(Answer::MAX_DIGITS).collect(),
        option: ask.option(keys).map(str::to_owned),
        is_accepted: false,
        at,
    }
}

/// Returns the next document of a call's steps, or `None` if they have no such place.
#[must_use]
pub fn playing<'a>(
    call: &Call,
    steps: &'a Steps,
    place: &Place,
    keys: Option<&str>,
) -> Option<Playing<'a>> {
    match place {
        Place::Start => Some(steps.first()),
        Place::Ask(ask) => match keys {
            Some(keys) => steps.after_keys(ask, stored_keys(call, ask).unwrap_or(keys)),
            None => steps.after_silence(ask),
        },
        Place::Said(said) => steps.after_words(*said),
        // A key that came just before the message for a machine: a person pressed it.
        Place::Voicemail => {
            let last = call.answers.iter().max_by_key(|answer| answer.at)?;
            steps.after_keys(&steps.place_of(last)?, &last.digits)
        }
        Place::End(_)
        | Place::Hold(_)
        | Place::VoicemailDone
        | Place::Unknown
        | Place::Transfer(_) => None,
    }
}

/// Returns the document after this play of an ask again, by the stored answer. `None` if the call has no such ask.
#[must_use]
pub fn playing_again<'a>(call: &'a Call, place: &AskPlace) -> Option<Playing<'a>> {
    let steps = call.steps.as_ref()?;
    match stored_keys(call, place) {
        Some(keys) => steps.after_keys(place, keys),
        None => steps.after_silence(place),
    }
}

/// The keys that count for this try.
fn stored_keys<'a>(call: &'a Call, place: &AskPlace) -> Option<&'a str> {
    let mut answers = call.answers.iter();
    let stored = answers.find(|answer| answer.step == place.step && answer.nth == place.nth)?;
    Some(&stored.digits)
}
