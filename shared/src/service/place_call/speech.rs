//! Checks the words of a new or changed call: its voices and languages, and its SSML.

use super::error::{PlaceCallError, no_faults};
use crate::{
    domain::{Language, Steps, Voice},
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
    voice: Option<&Voice>,
    language: Option<&Language>,
) -> Result<(), PlaceCallError> {
    rules.check_speech(voice, language)?;
    let Some(steps) = steps else {
        return Ok(());
    };
    rules.check_steps(steps, voice, language)?;
    no_faults(rules.ssml_faults(steps, voice, language))
}
