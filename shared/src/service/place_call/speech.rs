//! Checks the words of a new or changed call: its voices and languages, and its SSML.

use bson::DateTime;

use super::error::{PlaceCallError, no_faults};
use crate::{
    domain::{Language, Steps, Voice, Voicemail},
    service::rules::Rules,
};

/// Checks the words of a call.
///
/// # Errors
///
/// If a rule refuses a voice or a language, if a voice does not support an element of SSML, if an option has the opt-out key, or
/// if a notice or the number to call back is missing.
pub(super) fn check_words(
    rules: &Rules,
    steps: Option<&Steps>,
    voicemail: Option<&Voicemail>,
    voice: Option<&Voice>,
    language: Option<&Language>,
    is_recorded: bool,
) -> Result<(), PlaceCallError> {
    rules.check_speech(voice, language)?;
    let message = voicemail.and_then(|voicemail| voicemail.message.as_ref());
    let parts = || {
        let of_steps = steps.into_iter().flat_map(Steps::parts);
        let of_message = message.into_iter();
        of_steps.chain(of_message.flat_map(|it| it.parts_at("voicemail.message")))
    };
    rules.check_parts(parts(), voice, language)?;
    let opening = rules.opening_faults(steps, voicemail, voice, language, is_recorded);
    let ssml = rules.ssml_faults(parts(), voice, language);
    no_faults(ssml.into_iter().chain(opening))
}

/// Checks the audio of a call that is no longer dialled from `ends_at` on.
///
/// # Errors
///
/// If a host is not allowed, or a signed URL ends before.
pub(super) fn check_audio(
    rules: &Rules,
    steps: Option<&Steps>,
    ends_at: DateTime,
) -> Result<(), PlaceCallError> {
    no_faults(
        steps
            .into_iter()
            .flat_map(|steps| rules.audio_faults(steps, ends_at)),
    )
}
