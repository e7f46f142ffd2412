use outdial::{
    domain::{AllowedVoices, Language, OutboundCallRequest, Voice},
    http::Problem,
};

use super::Rules;

impl Rules {
    /// Whether the call may be spoken with the voice and the language that it names.
    ///
    /// # Errors
    ///
    /// 422 `voice_not_allowed` for a voice that is not in `ALLOWED_VOICES`, named or the default of the language;
    /// 422 `language_not_supported` for a language without a voice that no voice is known to speak.
    pub(crate) fn check_speech(&self, request: &OutboundCallRequest) -> Result<(), Problem> {
        let (voice, language) = (request.voice.as_ref(), request.language.as_ref());
        let Some(speech) = self.speech.of_call(voice, language) else {
            return Err(Problem::rule(
                "language_not_supported",
                "language",
                "must be a language that Twilio speaks, such as ja-JP, or come with a voice that speaks it",
            ));
        };
        if self.is_allowed(&speech.voice) {
            return Ok(());
        }
        let allowed = &self.allowed_voices;
        Err(match (voice, language) {
            (None, Some(language)) => no_voice(language, &speech.voice, allowed),
            _ => Problem::rule(
                "voice_not_allowed",
                "voice",
                format!("is not an allowed voice; allowed are {allowed}"),
            ),
        })
    }

    /// The configured voice is the operator's choice, whatever its class.
    fn is_allowed(&self, voice: &Voice) -> bool {
        self.allowed_voices.contain(voice)
            || voice
                .as_str()
                .eq_ignore_ascii_case(self.speech.voice.as_str())
    }
}

fn no_voice(language: &Language, default: &Voice, allowed: &AllowedVoices) -> Problem {
    let (language, default) = (language.as_str(), default.as_str());
    Problem::rule(
        "voice_not_allowed",
        "language",
        format!(
            "needs a voice: the default for {language} is {default}, which is not allowed; allowed are {allowed}"
        ),
    )
}
