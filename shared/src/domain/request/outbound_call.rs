//! Reads the body of `POST /calls/outbound`.

use deserr::{DeserializeError, Deserr, IntoValue, MergeWithError, Value, ValuePointerRef};

use super::{OutboundCallRequest, content::ContentFields};
use crate::domain::{InvalidValue, fields::Fields};

impl<E: DeserializeError + MergeWithError<InvalidValue>> Deserr<E> for OutboundCallRequest {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef,
    ) -> Result<Self, E> {
        let mut fields = Fields::of(value, location)?;
        let (user_id, to_number) = (fields.required("user_id"), fields.required("to_number"));
        let content = ContentFields::read(&mut fields);
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
            script: content.script,
            steps: content.steps,
            recording_enabled: content.recording_enabled,
            transcribe: content.transcribe,
            sensitive: content.sensitive,
            voice: content.voice,
            language: content.language,
            machine_detection: content.machine_detection,
            voicemail: content.voicemail,
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
