//! New calls: dialled at once, or waiting in the dial queue.

use std::time::Duration;

use bson::DateTime;

use crate::domain::{
    Call, CallId, CallStatus, DialOutcome, Idempotency, Lane, OutboundCallRequest, PhoneNumber,
    Retry, UserId, WaitingFor,
};

/// The origin of a new call.
#[derive(Debug)]
pub struct NewCall<'a> {
    /// The client's request.
    pub request: OutboundCallRequest,
    /// The user whom the call concerns.
    pub user_id: UserId,
    /// The number that the call comes from.
    pub from_number: PhoneNumber,
    /// The spelling of the called number that the daily cap counts.
    pub counted_number: &'a PhoneNumber,
    /// The request's idempotency key, if it has one.
    pub idempotency: Option<&'a Idempotency>,
    /// Name of the API key that places the call.
    pub created_by: Option<String>,
    /// Time that the request may take until Twilio has responded.
    pub may_take: Duration,
}

impl Call {
    /// Makes a call that is not dialled yet.
    #[must_use]
    pub fn new(new: NewCall<'_>) -> Self {
        let now = DateTime::now();
        let call_id = CallId::generate();
        let request = new.request;
        let counted =
            (*new.counted_number != request.to_number).then(|| new.counted_number.clone());
        Self {
            id: call_id.object_id(),
            call_id,
            user_id: new.user_id.to_string(),
            counted_number: counted,
            twilio_sid: None,
            to_number: request.to_number,
            from_number: new.from_number,
            status: CallStatus::Initiated,
            status_rank: CallStatus::Initiated.rank(),
            script: Self::stored_script(request.script, request.steps.as_ref()),
            steps: request.steps,
            voice: request.voice,
            language: request.language,
            machine_detection: request.machine_detection,
            voicemail: request.voicemail,
            voicemail_claim: None,
            voicemail_left: false,
            metadata: request.metadata,
            recording_enabled: request.recording_enabled,
            transcribe: request.transcribe,
            sensitive: request.sensitive,
            words_open: request.sensitive,
            words_erased_at: None,
            recording_url: None,
            dial_outcome: Some(DialOutcome::Pending),
            dial_deadline: Some(now.saturating_add_duration(new.may_take)),
            announces_dial: new.idempotency.is_some(),
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
            transfer_lines: Vec::new(),
            cut_off: false,
            stored_result: None,
            opted_out: false,
            events: Vec::new(),
            events_dropped: 0,
            idempotency_scope: new.idempotency.map(|key| key.scope.clone()),
            request_hash: new.idempotency.map(|key| key.request_hash.clone()),
            created_by: new.created_by,
            lane: None,
            scheduled_at: request.scheduled_at.map(|time| time.at()),
            due_at: None,
            expires_at: None,
            priority: Some(request.priority).filter(|priority| !priority.is_normal()),
            lease_id: None,
            lease_until: None,
            counted_on: None,
            counted_as: None,
            waiting_for: None,
            attempt: None,
            first_call_id: None,
            previous_call_id: None,
            next_call_id: None,
            retry: None,
            batch_id: None,
            external_id: None,
            time_zone: None,
            status_reason: None,
            retry_stopped: None,
            effects_open: false,
            effects_n: 0,
            effects: Vec::new(),
            created_at: now,
            updated_at: now,
        }
    }

    /// Makes a new call wait in the dial queue from `due_at`. It is not dialled at `expires_at` or later.
    #[must_use]
    pub fn scheduled(
        self,
        due_at: DateTime,
        expires_at: DateTime,
        waiting_for: WaitingFor,
    ) -> Self {
        Self {
            status: CallStatus::Scheduled,
            status_rank: CallStatus::Scheduled.rank(),
            dial_outcome: None,
            dial_deadline: None,
            announces_dial: false,
            due_at: Some(due_at),
            waiting_for: Some(waiting_for),
            ..self.able_to_wait(expires_at)
        }
    }

    /// Gives a new call what it needs to wait in the dial queue: its lane, its end, and the response to the client.
    #[must_use]
    pub fn able_to_wait(self, expires_at: DateTime) -> Self {
        let priority = self.priority.unwrap_or_default();
        Self {
            lane: Some(Lane::of(priority, self.batch_id)),
            expires_at: Some(expires_at),
            answered_status: Some(202),
            ..self
        }
    }

    /// Gives the call the spellings of the numbers that its transfers may dial.
    #[must_use]
    pub fn with_transfer_lines(self, transfer_lines: Vec<Vec<PhoneNumber>>) -> Self {
        Self {
            transfer_lines,
            ..self
        }
    }

    /// Gives the call retries. It is the first attempt then.
    #[must_use]
    pub fn with_retry(self, retry: Option<Retry>) -> Self {
        Self {
            effects_open: retry.is_some(),
            first_call_id: retry.as_ref().map(|_| self.call_id),
            retry,
            ..self
        }
    }
}
