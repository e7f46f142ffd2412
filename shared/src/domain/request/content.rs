//! Reads the fields of a call's content, which requests for calls and for batches have in common.

use deserr::{DeserializeError, Deserr, IntoValue, MergeWithError};

use super::{MachineDetection, NEEDS_RECORDING};
use crate::domain::{Call, InvalidValue, Language, Steps, Voice, Voicemail, fields::Fields};

/// The content of a call, as a request has it. `S` is the script.
pub(in crate::domain) struct ContentFields<S> {
    pub(in crate::domain) script: Option<S>,
    pub(in crate::domain) steps: Option<Steps>,
    pub(in crate::domain) recording_enabled: bool,
    pub(in crate::domain) transcribe: bool,
    pub(in crate::domain) sensitive: bool,
    pub(in crate::domain) voice: Option<Voice>,
    pub(in crate::domain) language: Option<Language>,
    pub(in crate::domain) machine_detection: Option<MachineDetection>,
    pub(in crate::domain) voicemail: Option<Voicemail>,
}

impl<S> ContentFields<S> {
    /// Reads the fields, and the rules between them.
    pub(in crate::domain) fn read<V: IntoValue, E>(fields: &mut Fields<'_, V, E>) -> Self
    where
        E: DeserializeError + MergeWithError<InvalidValue>,
        S: Deserr<E>,
    {
        let (script, steps) = (fields.optional("script"), fields.optional("steps"));
        match (fields.is_present("script"), fields.is_present("steps")) {
            (false, false) => fields.refuse("script", "is missing: a call has script or steps"),
            (true, true) => fields.refuse("steps", "can't be combined with script"),
            _ => {}
        }
        let recording = fields.optional("recording_enabled");
        let transcribe = fields.optional("transcribe").unwrap_or_default();
        let is_present = fields.is_present("recording_enabled");
        if transcribe && (recording == Some(false) || !is_present) {
            fields.refuse("transcribe", NEEDS_RECORDING);
        }
        let sensitive = fields.optional("sensitive").unwrap_or_default();
        if sensitive && recording == Some(true) {
            fields.refuse("sensitive", Call::NOT_RECORDED);
        }
        let (voice, language) = (fields.optional("voice"), fields.optional("language"));
        let detection = fields.optional::<Option<_>>("machine_detection");
        let voicemail = fields.optional::<Option<Voicemail>>("voicemail").flatten();
        if detection.as_ref().is_some_and(Option::is_some) && voicemail.is_some() {
            fields.refuse("voicemail", Voicemail::NOT_WITH_DETECTION);
        }
        Self {
            script,
            steps,
            recording_enabled: recording.unwrap_or_default(),
            transcribe,
            sensitive,
            voice: voice.flatten(),
            language: language.flatten(),
            machine_detection: detection.flatten(),
            voicemail: voicemail.and_then(Voicemail::unless_ignored),
        }
    }
}
