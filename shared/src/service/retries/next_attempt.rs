//! The call of a next attempt.

use bson::DateTime;

use crate::domain::{Call, CallId, CallStatus, Lane, Metadata, Retry, WaitingFor};

/// Makes the call that follows `previous`: the same content for the same person, due at `due_at`.
///
/// Its id derives from the first attempt, so that making it twice makes it once. It has no idempotency key: that of the first
/// attempt stays with the first attempt.
pub(super) fn after(previous: &Call, retry: &Retry, due_at: DateTime, now: DateTime) -> Call {
    let attempt = previous.attempt() + 1;
    let first = previous.first_call_id();
    let call_id = CallId::of_attempt(first, attempt);
    let priority = previous.priority.unwrap_or_default();
    Call {
        id: call_id.object_id(),
        call_id,
        user_id: previous.user_id.clone(),
        twilio_sid: None,
        to_number: previous.to_number.clone(),
        counted_number: previous.counted_number.clone(),
        from_number: previous.from_number.clone(),
        status: CallStatus::Scheduled,
        status_rank: CallStatus::Scheduled.rank(),
        script: previous.script.clone(),
        steps: previous.steps.clone(),
        voice: previous.voice.clone(),
        language: previous.language.clone(),
        machine_detection: previous.machine_detection,
        voicemail: previous.voicemail.clone(),
        voicemail_claim: None,
        voicemail_left: false,
        metadata: Metadata::clone(&previous.metadata),
        recording_enabled: previous.recording_enabled,
        transcribe: previous.transcribe,
        sensitive: previous.sensitive,
        words_open: previous.sensitive,
        words_erased_at: None,
        recording_url: None,
        dial_outcome: None,
        dial_deadline: None,
        announces_dial: false,
        dial_begun_at: None,
        answered_status: None,
        hangup_requested: false,
        error_code: None,
        error_message: None,
        error_status: None,
        duration_seconds: None,
        answered_by: None,
        sip_response_code: None,
        delivery: None,
        answers: Vec::new(),
        unanswered: Vec::new(),
        steps_ended: false,
        transfers: Vec::new(),
        transfer_lines: previous.transfer_lines.clone(),
        cut_off: false,
        stored_result: None,
        opted_out: false,
        events: Vec::new(),
        events_dropped: 0,
        idempotency_scope: None,
        request_hash: None,
        created_by: previous.created_by.clone(),
        lane: Some(Lane::of(priority, previous.batch_id)),
        scheduled_at: None,
        due_at: Some(due_at),
        expires_at: Some(retry.expires_at),
        priority: previous.priority,
        lease_id: None,
        lease_until: None,
        counted_on: None,
        counted_as: None,
        waiting_for: Some(WaitingFor::RetryDelay),
        attempt: Some(attempt),
        first_call_id: Some(first),
        previous_call_id: Some(previous.call_id),
        next_call_id: None,
        retry: Some(retry.clone()),
        batch_id: previous.batch_id,
        external_id: previous.external_id.clone(),
        time_zone: previous.time_zone.clone(),
        status_reason: None,
        retry_stopped: None,
        effects_open: true,
        effects_n: 0,
        effects: Vec::new(),
        created_at: now,
        updated_at: now,
    }
}
