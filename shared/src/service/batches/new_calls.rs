//! The calls of new recipients: the checks of each recipient, and the call that it becomes.

use std::collections::HashSet;

use bson::DateTime;

use super::{
    Batches,
    entries::{Entry, RecipientFault},
    utc,
};
use crate::{
    dao::Callee,
    domain::{
        Batch, BatchStatus, Call, CallRefusal, CallTemplate, FieldFault, Metadata, NewCall,
        OutboundCallRequest, PhoneNumber, RecipientParts, RenderedCall, RuleError, TimeZone,
        UserId, WaitingFor,
    },
    service::rules::{Content, ContentFault, Line},
};

/// The facts for the checks of all recipients.
pub(super) struct Facts<'a> {
    pub(super) batch: &'a Batch,
    pub(super) template: CallTemplate,
    /// The spellings of the numbers that transfers may dial.
    pub(super) transfer_lines: Vec<Vec<PhoneNumber>>,
    pub(super) user_id: UserId,
    pub(super) callee: Callee,
    pub(super) blocked: HashSet<PhoneNumber>,
    pub(super) created_by: Option<&'a str>,
    /// Time from which the calls may be dialled.
    pub(super) begin: DateTime,
    pub(super) now: DateTime,
}

impl Batches {
    /// Checks a recipient, and adds all its faults. Returns its call, or `None` if a field is invalid.
    ///
    /// # Errors
    ///
    /// If the calling hours can't be checked: the message says which time zone is unknown.
    pub(super) fn check(
        &self,
        facts: &mut Facts,
        entry: &Entry,
        faults: &mut Vec<RecipientFault>,
    ) -> Result<Option<Call>, &'static str> {
        let mut refuse = |fault: FieldFault| {
            faults.push(RecipientFault {
                index: entry.index,
                field: fault.field,
                message: fault.message,
            });
        };
        let RecipientParts {
            variables,
            metadata,
            ..
        } = entry.recipient;
        facts.look_up(entry);
        let rendered = variables.as_ref().ok().and_then(|variables| {
            let rendered = facts.template.render(variables);
            let checked = rendered.and_then(|rendered| self.checked(facts, entry, rendered));
            let refused = checked.map_err(|found| found.into_iter().for_each(&mut refuse));
            refused.ok()
        });
        let metadata = metadata.as_ref().ok().and_then(|metadata| {
            let merged = merged(facts.batch, metadata);
            merged
                .map_err(|message| refuse(fault("metadata", message)))
                .ok()
        });
        let due_at = match self.due_at(facts, entry) {
            Ok(due_at) => due_at,
            Err(RuleError::Refused(refusal)) => {
                refuse(fault("to_number", reason(&refusal)));
                None
            }
            Err(RuleError::UnknownTimeZone(message)) => return Err(message),
        };
        let (Some(rendered), Some(metadata), Some(due_at)) = (rendered, metadata, due_at) else {
            return Ok(None);
        };
        Ok(self.call(facts, entry, rendered, metadata, due_at))
    }

    /// Checks what a call says by the rules for calls without a batch.
    fn checked(
        &self,
        facts: &Facts,
        entry: &Entry,
        rendered: RenderedCall,
    ) -> Result<RenderedCall, Vec<FieldFault>> {
        let batch = facts.batch;
        let content = Content {
            script: rendered.script.as_ref(),
            steps: rendered.steps.as_ref(),
            voicemail: rendered.voicemail.as_ref(),
            voice: batch.voice.as_ref(),
            language: batch.language.as_ref(),
            is_recorded: batch.recording_enabled,
            is_transcribed: batch.transcribe,
        };
        let (line, ends_at) = (entry.line.as_ref(), batch.expires_at);
        let checked = self.rules.check_content(&content).and_then(|()| {
            let rules = &self.rules;
            rules.check_audio_and_transfers(&content, line, &facts.callee, ends_at)
        });
        match checked {
            Ok(()) => Ok(rendered),
            Err(ContentFault::Fields(faults)) => Err(faults),
            Err(ContentFault::Rule(CallRefusal::Field { field, message, .. })) => {
                Err(vec![FieldFault { field, message }])
            }
            Err(ContentFault::Rule(refusal)) => Err(vec![fault("to_number", reason(&refusal))]),
        }
    }

    /// Checks the number, and returns the first time at which the hours allow the call. `None` if the number or the time zone is
    /// invalid.
    fn due_at(&self, facts: &Facts, entry: &Entry) -> Result<Option<DateTime>, RuleError> {
        let Some(line) = &entry.line else {
            return Ok(None);
        };
        self.rules.check_permanent(line, &facts.callee)?;
        let Ok(zone) = &entry.recipient.time_zone else {
            return Ok(None);
        };
        let zone: Option<&TimeZone> = zone.as_ref().or(facts.callee.user.time_zone.as_ref());
        let (from, until) = (utc(facts.begin), utc(facts.batch.expires_at));
        let first = self.rules.first_allowed(line, zone, from, until)?;
        Ok(Some(DateTime::from_millis(first.timestamp_millis())))
    }

    fn call(
        &self,
        facts: &Facts,
        entry: &Entry,
        rendered: RenderedCall,
        metadata: Metadata,
        due_at: DateTime,
    ) -> Option<Call> {
        let batch = facts.batch;
        let recipient = entry.recipient;
        let (Ok(to_number), Ok(external_id), Ok(time_zone)) = (
            &recipient.to_number,
            &recipient.external_id,
            &recipient.time_zone,
        ) else {
            return None;
        };
        let (call_id, line) = (entry.call_id?, entry.line.as_ref()?);
        let request = OutboundCallRequest {
            user_id: batch.user_id.clone(),
            to_number: to_number.clone(),
            script: rendered.script,
            steps: rendered.steps,
            recording_enabled: batch.recording_enabled,
            transcribe: batch.transcribe,
            sensitive: batch.sensitive,
            voice: batch.voice.clone(),
            language: batch.language.clone(),
            machine_detection: batch.machine_detection,
            voicemail: rendered.voicemail,
            metadata,
            scheduled_at: None,
            expires_at: None,
            max_wait_seconds: None,
            outside_calling_hours: None,
            priority: batch.priority,
            retry: None,
        };
        let call = Call::new(NewCall {
            request,
            user_id: facts.user_id,
            from_number: self.from_number.clone(),
            counted_number: line.key(),
            idempotency: None,
            created_by: facts.created_by.map(str::to_owned),
            may_take: std::time::Duration::ZERO,
        });
        let waiting_for = match batch.status {
            _ if due_at > facts.begin => WaitingFor::CallingHours,
            _ if due_at > facts.now => WaitingFor::ScheduledTime,
            BatchStatus::Running => WaitingFor::Permit,
            _ => WaitingFor::Batch,
        };
        let call = Call {
            id: call_id.object_id(),
            call_id,
            batch_id: Some(batch.id),
            external_id: external_id.as_ref().map(|id| id.as_str().to_owned()),
            time_zone: time_zone.clone(),
            attempt: Some(1),
            scheduled_at: batch.scheduled_at,
            ..call
        };
        let call = call
            .with_transfer_lines(facts.transfer_lines.clone())
            .with_retry(batch.retry.clone());
        Some(call.scheduled(due_at, batch.expires_at, waiting_for))
    }
}

impl Facts<'_> {
    /// Finds those spellings of the recipient's number, and of the numbers that transfers may dial, that are on the block list.
    fn look_up(&mut self, entry: &Entry) {
        let line = entry.line.iter().flat_map(Line::spellings);
        let numbers = line.chain(self.transfer_lines.iter().flatten());
        let blocked = numbers.filter(|it| self.blocked.contains(it));
        self.callee.blocked = blocked.cloned().collect();
    }
}

fn fault(field: &'static str, message: String) -> FieldFault {
    FieldFault {
        field: field.into(),
        message,
    }
}

/// The batch's metadata, with those of a recipient.
fn merged(batch: &Batch, own: &Metadata) -> Result<Metadata, String> {
    let mut entries = batch.metadata.clone().into_entries();
    entries.extend(own.clone().into_entries());
    Metadata::try_from(entries).map_err(|invalid| format!("and those of the batch {invalid}"))
}

fn reason(refusal: &CallRefusal) -> String {
    match refusal {
        CallRefusal::Field { message, .. } => message.clone(),
        refusal => refusal.code().as_str().to_owned(),
    }
}
