//! The voices and languages that a call may use.

use crate::domain::{
    AllowedVoices, CallRefusal, FieldFault, Language, Part, RefusalCode, Speech, Voice, Words,
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

    /// Returns the SSML that its voice does not support. The voices must have passed.
    pub(super) fn ssml_faults<'a>(
        &self,
        parts: impl Iterator<Item = (String, &'a Part)>,
        voice: Option<&Voice>,
        language: Option<&Language>,
    ) -> Vec<FieldFault> {
        let of_call = self.speech.of_call(voice, language);
        let of_call = of_call.unwrap_or_else(|| self.speech.clone());
        let fault = |(path, part): (String, &Part)| {
            let Words::Ssml(ssml) = &part.words else {
                return None;
            };
            let error = ssml.check_for(&of_call.of_part(part).voice).err()?;
            Some(FieldFault {
                field: format!("{path}.ssml").into(),
                message: error.to_string(),
            })
        };
        parts.filter_map(fault).collect()
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

    /// Returns true if a call may use the voice. The configured voices are the operator's choice, so their class does not matter.
    fn is_allowed(&self, voice: &Voice) -> bool {
        self.allowed_voices.contain(voice) || self.speech.is_default(voice)
    }
}
