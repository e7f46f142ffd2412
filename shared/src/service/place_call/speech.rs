//! Checks the words of a new or changed call: its voices and languages, and its SSML.

use super::error::{PlaceCallError, no_faults};
use crate::{
    domain::{Language, Steps, Voice, Voicemail},
    service::rules::Rules,
};

/// Checks the words of a call.
///
/// # Errors
///
/// If a rule refuses a voice or a language, or if a voice does not support an element of SSML.
pub(super) fn check_words(
    rules: &Rules,
    steps: Option<&Steps>,
    voicemail: Option<&Voicemail>,
    voice: Option<&Voice>,
    language: Option<&Language>,
) -> Result<(), PlaceCallError> {
    rules.check_speech(voice, language)?;
    let message = voicemail.and_then(|voicemail| voicemail.message.as_ref());
    let parts = || {
        let of_steps = steps.into_iter().flat_map(Steps::parts);
        let of_message = message.into_iter();
        of_steps.chain(of_message.flat_map(|it| it.parts_at("voicemail.message")))
    };
    rules.check_parts(parts(), voice, language)?;
    no_faults(rules.ssml_faults(parts(), voice, language))
}
