//! The voices and languages that a call may use.

use crate::domain::{
    AllowedVoices, CallRefusal, Language, Part, RefusalCode, Speech, Steps, Voice,
};

/// The configured voices.
pub(super) struct SpeechRules {
    /// The configured voice and language.
    pub(super) speech: Speech,
    pub(super) allowed_voices: AllowedVoices,
}

impl SpeechRules {
    /// Checks a call's voice and language.
    ///
    /// # Errors
    ///
    /// `voice_not_allowed` if the voice is not in `ALLOWED_VOICES`; without a voice, this goes for the language's default voice.
    /// `language_not_supported` if the call has no voice and no known voice speaks its language.
    pub(super) fn check(
        &self,
        voice: Option<&Voice>,
        language: Option<&Language>,
    ) -> Result<(), CallRefusal> {
        self.check_at(&self.speech, voice, language, "")
    }

    /// Checks the voice and the language of each part that has its own. The call's own must have passed.
    ///
    /// # Errors
    ///
    /// As [`SpeechRules::check`].
    pub(super) fn check_steps(
        &self,
        steps: &Steps,
        voice: Option<&Voice>,
        language: Option<&Language>,
    ) -> Result<(), CallRefusal> {
        for (at, step) in steps.iter().enumerate() {
            let parts = step.parts();
            let parts = parts.map(|(path, part)| (format!("steps[{at}].{path}"), part));
            self.check_parts(parts, voice, language)?;
        }
        Ok(())
    }

    /// Checks the voice and the language of each part, with its path, that has its own. The call's own must have passed.
    ///
    /// # Errors
    ///
    /// As [`SpeechRules::check`].
    pub(super) fn check_parts<'a>(
        &self,
        parts: impl Iterator<Item = (String, &'a Part)>,
        voice: Option<&Voice>,
        language: Option<&Language>,
    ) -> Result<(), CallRefusal> {
        let Some(of_call) = self.speech.of_call(voice, language) else {
            return Ok(());
        };
        for (path, part) in parts {
            let (voice, language) = (part.voice.as_ref(), part.language.as_ref());
            if voice.is_some() || language.is_some() {
                self.check_at(&of_call, voice, language, &format!("{path}."))?;
            }
        }
        Ok(())
    }

    fn check_at(
        &self,
        base: &Speech,
        voice: Option<&Voice>,
        language: Option<&Language>,
        path: &str,
    ) -> Result<(), CallRefusal> {
        let Some(speech) = base.of_call(voice, language) else {
            return Err(CallRefusal::of_field(
                RefusalCode::LanguageNotSupported,
                format!("{path}language"),
                "must be a language that Twilio speaks, such as ja-JP, or come with a voice that speaks it",
            ));
        };
        if self.is_allowed(&speech.voice) {
            return Ok(());
        }
        let allowed = &self.allowed_voices;
        let (field, message) = match (voice, language) {
            (None, Some(language)) => (
                "language",
                format!(
                    "needs a voice: the default voice for {}, {}, is not allowed; allowed voices are {allowed}",
                    language.as_str(),
                    speech.voice.as_str()
                ),
            ),
            _ => (
                "voice",
                format!("must be an allowed voice; allowed voices are {allowed}"),
            ),
        };
        let code = RefusalCode::VoiceNotAllowed;
        Err(CallRefusal::of_field(
            code,
            format!("{path}{field}"),
            message,
        ))
    }

    /// Returns true if a call may use the voice. The configured voice is the operator's choice, so its class does not matter.
    fn is_allowed(&self, voice: &Voice) -> bool {
        self.allowed_voices.contain(voice)
            || voice
                .as_str()
                .eq_ignore_ascii_case(self.speech.voice.as_str())
    }
}
