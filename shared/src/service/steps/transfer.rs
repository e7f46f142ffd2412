//! The TwiML of transfers: the dial of the other number, and what its owner hears before the connection.

use super::render::{says, spoken};
use crate::{
    domain::{LegMoment, PhoneNumber, Place, Prompt, Speech, Transfer, TransferPlace},
    twilio::{Element, hangup, response, step_url},
};

/// What the other party hears if the request has no `whisper`.
const DEFAULT_WHISPER: &str = "You have a call. To take it, press 1.";
/// Seconds that the other party has to press a key after the whisper.
const ACCEPT_SECONDS: u32 = 8;
/// The longest connection of a person who has called us.
const FORWARD_SECONDS: u32 = 3_600;

/// Returns the document that dials the number of a transfer.
///
/// `url` is the signed URL of the request that it answers, and `from` the call's own caller ID.
#[must_use]
pub fn dial(transfer: &Transfer, place: &TransferPlace, from: &PhoneNumber, url: &str) -> String {
    let number = Element::new("Number")
        .attribute("method", "POST")
        .attribute("url", place_url(place, LegMoment::Whisper, url))
        .text(transfer.to.as_str());
    let dial = Element::new("Dial")
        .attribute("action", place_url(place, LegMoment::Ended, url))
        .attribute("callerId", from.as_str())
        .attribute("method", "POST")
        .attribute("timeLimit", transfer.max_seconds.to_string())
        .attribute("timeout", Transfer::RING_SECONDS.to_string())
        .child(number);
    response([dial])
}

/// Returns the document that connects a person who has called `called`, a number of ours, with this number.
#[must_use]
pub fn forward(to: &PhoneNumber, called: &PhoneNumber) -> String {
    let dial = Element::new("Dial")
        .attribute("callerId", called.as_str())
        .attribute("timeLimit", FORWARD_SECONDS.to_string())
        .attribute("timeout", Transfer::RING_SECONDS.to_string())
        .child(Element::new("Number").text(to.as_str()));
    response([dial, Element::new("Hangup")])
}

/// Returns the document for the other party before the connection: only its key 1 leads to that, so that no mailbox takes the
/// person. `notice` says who calls, if there is no whisper.
#[must_use]
pub fn whisper(
    whisper: Option<&Prompt>,
    place: &TransferPlace,
    speech: &Speech,
    notice: Option<&str>,
    url: &str,
) -> String {
    let words = match whisper {
        // Without audio: a failure would end the leg.
        Some(whisper) => spoken(whisper, speech, false),
        None => notice
            .into_iter()
            .chain([DEFAULT_WHISPER])
            .flat_map(|text| says(text, speech))
            .collect(),
    };
    let gather = Element::new("Gather")
        .attribute("action", place_url(place, LegMoment::Accept, url))
        .attribute("finishOnKey", "")
        .attribute("input", "dtmf")
        .attribute("method", "POST")
        .attribute("numDigits", "1")
        .attribute("timeout", ACCEPT_SECONDS.to_string());
    let gather = words.into_iter().fold(gather, Element::child);
    response([gather, Element::new("Hangup")])
}

/// Returns the document after a key of the other party: its end connects, for the key 1.
#[must_use]
pub fn connect(keys: Option<&str>) -> String {
    if keys == Some(Transfer::ACCEPT_KEY) {
        response([])
    } else {
        hangup()
    }
}

fn place_url(place: &TransferPlace, moment: LegMoment, url: &str) -> String {
    step_url(url, &Place::Transfer(place.at(moment)))
}
