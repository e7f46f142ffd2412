//! The calls of new recipients: the checks of each recipient, and the call that it becomes.

use std::{borrow::Cow, collections::HashSet};

use bson::DateTime;

use super::{
    Batches,
    entries::{Entry, RecipientFault},
    utc,
};
use crate::{
    dao::Callee,
    domain::{
        Batch, BatchStatus, Call, CallRefusal, Metadata, NewCall, OutboundCallRequest, PhoneNumber,
        RecipientParts, RenderError, RuleError, Script, ScriptTemplate, ScriptVariables, TimeZone,
        UserId, WaitingFor,
    },
    service::rules::{Content, ContentFault},
};

/// The facts for the checks of all recipients.
pub(super) struct Facts<'a> {
    pub(super) batch: &'a Batch,
    pub(super) template: ScriptTemplate,
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
        let mut refuse = |field: Cow<'static, str>, message| {
            faults.push(RecipientFault {
                index: entry.index,
                field,
                message,
            });
        };
        let RecipientParts {
            variables,
            metadata,
            ..
        } = entry.recipient;
        let script = variables.as_ref().ok().and_then(|variables| {
            let script = render(&facts.template, variables);
            let refused = script.map_err(|message| refuse("variables".into(), message));
            refused.ok()
        });
        let content = Content {
            script: script.as_ref(),
            steps: None,
            voicemail: None,
            voice: facts.batch.voice.as_ref(),
            language: facts.batch.language.as_ref(),
            is_recorded: facts.batch.recording_enabled,
            is_transcribed: false,
        };
        match self.rules.check_content(&content) {
            Ok(()) => {}
            Err(ContentFault::Fields(faults)) => {
                for fault in faults {
                    refuse(fault.field, fault.message);
                }
            }
            Err(ContentFault::Rule(CallRefusal::Field { field, message, .. })) => {
                refuse(field, message);
            }
            Err(ContentFault::Rule(refusal)) => refuse("script".into(), reason(&refusal)),
        }
        let metadata = metadata.as_ref().ok().and_then(|metadata| {
            let merged = merged(facts.batch, metadata);
            let refused = merged.map_err(|message| refuse("metadata".into(), message));
            refused.ok()
        });
        let due_at = match self.due_at(facts, entry) {
            Ok(due_at) => due_at,
            Err(RuleError::Refused(refusal)) => {
                refuse("to_number".into(), reason(&refusal));
                None
            }
            Err(RuleError::UnknownTimeZone(message)) => return Err(message),
        };
        let (Some(script), Some(metadata), Some(due_at)) = (script, metadata, due_at) else {
            return Ok(None);
        };
        Ok(self.call(facts, entry, script, metadata, due_at))
    }

    /// Checks the number, and returns the first time at which the hours allow the call. `None` if the number or the time zone is
    /// invalid.
    fn due_at(&self, facts: &mut Facts, entry: &Entry) -> Result<Option<DateTime>, RuleError> {
        let Some(line) = &entry.line else {
            return Ok(None);
        };
        let blocked = &facts.blocked;
        let spellings = line.spellings().iter();
        facts.callee.blocked = spellings
            .filter(|it| blocked.contains(it))
            .cloned()
            .collect();
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
        script: Script,
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
            script: Some(script),
            steps: None,
            recording_enabled: batch.recording_enabled,
            transcribe: false,
            voice: batch.voice.clone(),
            language: batch.language.clone(),
            machine_detection: batch.machine_detection,
            voicemail: None,
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
        let call = call.with_retry(batch.retry.clone());
        Some(call.scheduled(due_at, batch.expires_at, waiting_for))
    }
}

fn render(template: &ScriptTemplate, variables: &ScriptVariables) -> Result<Script, String> {
    let rendered = template.render(variables.entries());
    rendered.map_err(|error| match &error {
        RenderError::Missing(names) => {
            format!("must have {}, which the script names", names.join(", "))
        }
        RenderError::Invalid(invalid) => {
            format!("must make a valid script, but the script {invalid}")
        }
    })
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
