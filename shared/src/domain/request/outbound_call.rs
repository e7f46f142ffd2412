//! Reads the body of `POST /calls/outbound`.

use deserr::{DeserializeError, Deserr, IntoValue, MergeWithError, Value, ValuePointerRef};

use super::{NEEDS_RECORDING, OutboundCallRequest};
use crate::domain::{InvalidValue, Voicemail, fields::Fields};

impl<E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E> for OutboundCallRequest {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        let mut fields = Fields::of(value, location)?;
        let (user_id, to_number) = (fields.required("user_id"), fields.required("to_number"));
        let (script, steps) = (fields.optional("script"), fields.optional("steps"));
        match (fields.is_present("script"), fields.is_present("steps")) {
            (false, false) => fields.refuse("script", "is missing: a call has script or steps"),
            (true, true) => fields.refuse("steps", "can't be combined with script"),
            _ => {}
        }
        let (recording, transcribe) = recording(&mut fields);
        let voice = fields.optional("voice");
        let (language, detection) = (
            fields.optional("language"),
            fields.optional("machine_detection"),
        );
        let voicemail = fields.optional("voicemail").flatten();
        if detection.as_ref().is_some_and(Option::is_some) && voicemail.is_some() {
            fields.refuse("voicemail", Voicemail::NOT_WITH_DETECTION);
        }
        let metadata = fields.optional("metadata");
        let (scheduled_at, expires_at) = (
            fields.optional("scheduled_at"),
            fields.optional("expires_at"),
        );
        let max_wait_seconds = fields.optional("max_wait_seconds");
        let outside_calling_hours = fields.optional("outside_calling_hours");
        let (priority, retry) = (fields.optional("priority"), fields.optional("retry"));
        let ids = user_id.zip(to_number);
        fields.finish(ids.map(|(user_id, to_number)| Self {
            user_id,
            to_number,
            script,
            steps,
            recording_enabled: recording,
            transcribe,
            voice: voice.flatten(),
            language: language.flatten(),
            machine_detection: detection.flatten(),
            voicemail: voicemail.and_then(Voicemail::unless_ignored),
            metadata: metadata.unwrap_or_default(),
            scheduled_at: scheduled_at.flatten(),
            expires_at: expires_at.flatten(),
            max_wait_seconds: max_wait_seconds.flatten(),
            outside_calling_hours: outside_calling_hours.flatten(),
            priority: priority.unwrap_or_default(),
            retry: retry.flatten(),
        }))
    }
}

/// Reads `recording_enabled` and `transcribe`, which needs it.
fn recording<V: IntoValue, E: DeserializeError + MergeWithError<InvalidValue>>(
    fields: &mut Fields<'_, V, E>,
) -> (bool, bool) {
    let recording = fields.optional("recording_enabled");
    let transcribe = fields.optional("transcribe").unwrap_or_default();
    let is_present = fields.is_present("recording_enabled");
    if transcribe && (recording == Some(false) || !is_present) {
        fields.refuse("transcribe", NEEDS_RECORDING);
    }
    (recording.unwrap_or_default(), transcribe)
}
