//! Responses that speak a notice in the language of a call, without its record.

use axum::response::Response;

use super::apply::twiml;
use crate::{
    config::SpeechConfig,
    domain::{Notice, Speech},
    twilio::{LANGUAGE, hangup, query_pairs, say_and_hang_up},
};

/// Returns the speech of the call whose language is in this URL. `None` if the URL has no language.
#[must_use]
pub fn speech_in(config: &SpeechConfig, url: &str) -> Option<Speech> {
    let pairs = query_pairs(url);
    let (_, tag) = pairs.iter().find(|(name, _)| name == LANGUAGE)?;
    let language = tag.parse().ok()?;
    Some(config.speech.of_stored(None, Some(&language)))
}

/// Returns TwiML that speaks the notice, and hangs up.
#[must_use]
pub fn say_notice(config: &SpeechConfig, notice: Notice, speech: &Speech) -> Response {
    twiml(match config.notice(notice, speech) {
        Some((text, speech)) => {
            say_and_hang_up(text, speech.voice.as_str(), speech.language.as_str())
        }
        None => hangup(),
    })
}
