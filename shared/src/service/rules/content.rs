//! The content of a call: what it says, asks and plays, and the numbers that its transfers dial.

use bson::DateTime;

use super::{Line, Rules, audio};
use crate::{
    dao::Callee,
    domain::{
        BatchCreate, Call, CallRefusal, FieldFault, Language, OutboundCallRequest, Part,
        RefusalCode, Script, Steps, Voice, Voicemail,
    },
};

/// The content of a call, which the rules check as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// The script. `None` if the call has steps.
    pub script: Option<&'a Script>,
    /// The steps.
    pub steps: Option<&'a Steps>,
    /// The treatment of answering machines.
    pub voicemail: Option<&'a Voicemail>,
    /// The voice that the request names.
    pub voice: Option<&'a Voice>,
    /// The language that the request names.
    pub language: Option<&'a Language>,
    /// True if the call is recorded.
    pub is_recorded: bool,
    /// True if the recording is transcribed.
    pub is_transcribed: bool,
}

impl<'a> From<&'a OutboundCallRequest> for Content<'a> {
    fn from(request: &'a OutboundCallRequest) -> Self {
        Self {
            script: request.script.as_ref(),
            steps: request.steps.as_ref(),
            voicemail: request.voicemail.as_ref(),
            voice: request.voice.as_ref(),
            language: request.language.as_ref(),
            is_recorded: request.recording_enabled,
            is_transcribed: request.transcribe,
        }
    }
}

impl<'a> From<&'a BatchCreate> for Content<'a> {
    /// The content with its variables, without the script: only the price depends on that.
    fn from(request: &'a BatchCreate) -> Self {
        Self {
            script: None,
            steps: request.steps.as_ref(),
            voicemail: request.voicemail.as_ref(),
            voice: request.voice.as_ref(),
            language: request.language.as_ref(),
            is_recorded: request.recording_enabled,
            is_transcribed: request.transcribe,
        }
    }
}

impl<'a> From<&'a Call> for Content<'a> {
    fn from(call: &'a Call) -> Self {
        Self {
            script: call.own_script(),
            steps: call.steps.as_ref(),
            voicemail: call.voicemail.as_ref(),
            voice: call.voice.as_ref(),
            language: call.language.as_ref(),
            is_recorded: call.recording_enabled,
            is_transcribed: call.transcribe,
        }
    }
}

impl Content<'_> {
    /// The parts of the steps and of the message for machines, with their paths.
    pub(super) fn parts(&self) -> impl Iterator<Item = (String, &Part)> {
        let message = self.voicemail.and_then(|it| it.message.as_ref());
        let of_steps = self.steps.into_iter().flat_map(Steps::parts);
        let of_message = message.into_iter();
        of_steps.chain(of_message.flat_map(|it| it.parts_at("voicemail.message")))
    }
}

/// Why a request is refused whose fields are valid one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentFault {
    /// Fields are invalid together.
    Fields(Vec<FieldFault>),
    /// A rule refuses it.
    Rule(CallRefusal),
}

impl From<CallRefusal> for ContentFault {
    fn from(refusal: CallRefusal) -> Self {
        Self::Rule(refusal)
    }
}

impl Rules {
    /// Checks the content as far as it depends on no number and no time.
    ///
    /// # Errors
    ///
    /// As [`Rules::check_words`], or if a rule refuses the price.
    pub fn check_content(&self, content: &Content) -> Result<(), ContentFault> {
        self.check_words(content)?;
        Ok(self.check_price(content)?)
    }

    /// Checks the content as [`Rules::check_content`] does, without the price: that of a template is not known.
    ///
    /// # Errors
    ///
    /// If a rule refuses a voice, a language or the transcription; if a voice does not support an element of SSML, if
    /// an option has the opt-out key, or if a notice or the number to call back is missing.
    pub fn check_words(&self, content: &Content) -> Result<(), ContentFault> {
        let (voice, language) = (content.voice, content.language);
        self.check_speech(voice, language)?;
        self.speech.check_parts(content.parts(), voice, language)?;
        let mut faults = self.speech.ssml_faults(content.parts(), voice, language);
        let speech = self.speech.speech.of_stored(voice, language);
        faults.extend(self.opening.faults(content, &speech.language));
        no_faults(faults)?;
        if content.is_transcribed {
            self.check_transcription(voice, language)?;
        }
        Ok(())
    }

    /// Checks the audio, and the numbers that transfers may dial, after [`Rules::check_content`]. `ends_at` is the time from which
    /// the call is no longer dialled.
    ///
    /// # Errors
    ///
    /// If a host is not allowed, if a signed URL ends before the call does, or as [`Rules::check_transfers`].
    pub fn check_audio_and_transfers(
        &self,
        content: &Content,
        called: Option<&Line>,
        callee: &Callee,
        ends_at: DateTime,
    ) -> Result<(), ContentFault> {
        no_faults(self.audio_faults(content, ends_at))?;
        let speech = (content.voice, content.language);
        Ok(self.check_transfers(content.steps, called, callee, speech)?)
    }

    /// Returns the audio that the call may not play.
    fn audio_faults(&self, content: &Content, ends_at: DateTime) -> Vec<FieldFault> {
        let steps = content.steps.into_iter();
        steps
            .flat_map(|steps| audio::faults(&self.audio_hosts, steps, ends_at))
            .collect()
    }

    /// Checks whether a call in this voice and language can be transcribed.
    ///
    /// # Errors
    ///
    /// `transcription_unavailable` if `TRANSCRIPTION_SERVICES` has no service for the call's language.
    fn check_transcription(
        &self,
        voice: Option<&Voice>,
        language: Option<&Language>,
    ) -> Result<(), CallRefusal> {
        let speech = self.speech.speech.of_call(voice, language);
        let language = speech.map(|speech| speech.language);
        let service = language.as_ref().and_then(|it| self.services.of(it));
        if service.is_some() {
            return Ok(());
        }
        let of_language = language.map_or_else(String::new, |it| format!(" for {}", it.as_str()));
        Err(CallRefusal::of_field(
            RefusalCode::TranscriptionUnavailable,
            "transcribe",
            format!(
                "needs a transcription service{of_language}, which this stack does not have: leave the field out, or have an operator add the service"
            ),
        ))
    }
}

fn no_faults(faults: Vec<FieldFault>) -> Result<(), ContentFault> {
    if faults.is_empty() {
        return Ok(());
    }
    Err(ContentFault::Fields(faults))
}
