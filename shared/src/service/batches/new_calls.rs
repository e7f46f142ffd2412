//! The calls of new recipients: the checks of each recipient, and the call that it becomes.

use std::collections::{HashMap, HashSet};

use bson::{DateTime, oid::ObjectId};

use super::{Batches, RecipientFault, RecipientsError, utc};
use crate::{
    dao::Callee,
    domain::{
        Batch, BatchStatus, Call, CallId, CallRefusal, Metadata, NewCall, OutboundCallRequest,
        PhoneNumber, Recipient, RenderError, RuleError, Script, ScriptTemplate, TimeZone, UserId,
        WaitingFor,
    },
    service::rules::Line,
};

/// A recipient that the request names once.
pub(super) struct Entry<'a> {
    pub(super) index: usize,
    pub(super) recipient: &'a Recipient,
    pub(super) call_id: CallId,
    pub(super) line: Line,
}

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
    /// Checks a recipient, and makes the call. The inner error has all faults of the recipient.
    pub(super) fn check(
        &self,
        facts: &mut Facts,
        entry: &Entry,
    ) -> Result<Result<Box<Call>, Vec<RecipientFault>>, RecipientsError> {
        let recipient = entry.recipient;
        let mut faults = Vec::new();
        let mut refuse = |field, message| {
            faults.push(RecipientFault {
                index: entry.index,
                field,
                message,
            });
        };
        let script = render(&facts.template, recipient);
        let metadata = metadata(facts.batch, recipient);
        let due_at = self.due_at(facts, entry);
        if let Err((field, message)) = &script {
            refuse(field, message.clone());
        }
        if let Err(message) = &metadata {
            refuse("metadata", message.clone());
        }
        match &due_at {
            Err(RuleError::Refused(refusal)) => refuse("to_number", reason(refusal)),
            Err(RuleError::UnknownTimeZone(message)) => {
                return Err(RecipientsError::UnknownTimeZone(message));
            }
            Ok(_) => {}
        }
        let (Ok(script), Ok(metadata), Ok(due_at)) = (script, metadata, due_at) else {
            return Ok(Err(faults));
        };
        let call = self.call(facts, entry, script, metadata, due_at);
        Ok(Ok(Box::new(call)))
    }

    /// Checks the number, and returns the first time at which the hours allow the call.
    fn due_at(&self, facts: &mut Facts, entry: &Entry) -> Result<DateTime, RuleError> {
        let blocked = &facts.blocked;
        let mut spellings = entry.line.spellings().iter();
        facts.callee.blocked_as = spellings.find(|it| blocked.contains(it)).cloned();
        self.rules.check_permanent(&entry.line, &facts.callee)?;
        let zone = entry.recipient.time_zone.as_ref();
        let zone: Option<&TimeZone> = zone.or(facts.callee.user.time_zone.as_ref());
        let (from, until) = (utc(facts.begin), utc(facts.batch.expires_at));
        let first = self.rules.first_allowed(&entry.line, zone, from, until)?;
        Ok(DateTime::from_millis(first.timestamp_millis()))
    }

    fn call(
        &self,
        facts: &Facts,
        entry: &Entry,
        script: Script,
        metadata: Metadata,
        due_at: DateTime,
    ) -> Call {
        let (batch, recipient) = (facts.batch, entry.recipient);
        let request = OutboundCallRequest {
            user_id: batch.user_id.clone(),
            to_number: recipient.to_number.clone(),
            script,
            recording_enabled: batch.recording_enabled,
            voice: batch.voice.clone(),
            language: batch.language.clone(),
            machine_detection: batch.machine_detection,
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
            counted_number: entry.line.key(),
            idempotency: None,
            created_by: facts.created_by.map(str::to_owned),
            may_take: std::time::Duration::ZERO,
        });
        let external_id = recipient.external_id.as_ref();
        let waiting_for = match batch.status {
            _ if due_at > facts.begin => WaitingFor::CallingHours,
            _ if due_at > facts.now => WaitingFor::ScheduledTime,
            BatchStatus::Running => WaitingFor::Permit,
            _ => WaitingFor::Batch,
        };
        Call {
            id: entry.call_id.object_id(),
            call_id: entry.call_id,
            batch_id: Some(batch.id),
            external_id: external_id.map(|id| id.as_str().to_owned()),
            time_zone: recipient.time_zone.clone(),
            attempt: Some(1),
            scheduled_at: batch.scheduled_at,
            ..call
        }
        .with_retry(batch.retry.clone())
        .scheduled(due_at, batch.expires_at, waiting_for)
    }
}

/// Finds the recipients that the request names once, and those that repeat another one with other values.
pub(super) fn entries<'a>(
    batch: &Batch,
    recipients: &'a [Recipient],
) -> (Vec<Entry<'a>>, Vec<RecipientFault>) {
    let mut first_at: HashMap<ObjectId, usize> = HashMap::new();
    let mut entries = Vec::new();
    let mut faults = Vec::new();
    for (index, recipient) in recipients.iter().enumerate() {
        let call_id = CallId::of_recipient(batch.id, &recipient.identity());
        let first = *first_at.entry(call_id.object_id()).or_insert(index);
        if first == index {
            entries.push(Entry {
                index,
                recipient,
                call_id,
                line: Line::of(&recipient.to_number),
            });
        } else if recipients[first] != *recipient {
            faults.push(RecipientFault {
                index,
                field: match recipient.external_id {
                    Some(_) => "external_id",
                    None => "to_number",
                },
                message: format!("repeats that of recipients[{first}], with other values"),
            });
        }
    }
    (entries, faults)
}

fn render(
    template: &ScriptTemplate,
    recipient: &Recipient,
) -> Result<Script, (&'static str, String)> {
    let rendered = template.render(recipient.variables.entries());
    rendered.map_err(|error| {
        let message = match &error {
            RenderError::Missing(names) => {
                format!("must have {}, which the script names", names.join(", "))
            }
            RenderError::Invalid(invalid) => {
                format!("must make a valid script, but the script {invalid}")
            }
        };
        ("variables", message)
    })
}

/// The batch's metadata, with those of the recipient.
fn metadata(batch: &Batch, recipient: &Recipient) -> Result<Metadata, String> {
    let mut entries = batch.metadata.clone().into_entries();
    entries.extend(recipient.metadata.clone().into_entries());
    Metadata::try_from(entries).map_err(|invalid| format!("and those of the batch {invalid}"))
}

fn reason(refusal: &CallRefusal) -> String {
    match refusal {
        CallRefusal::Field { message, .. } => message.clone(),
        refusal => refusal.code().as_str().to_owned(),
    }
}
