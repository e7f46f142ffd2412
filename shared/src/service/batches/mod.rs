//! Batches: the checks of a new batch, its recipients, its pace, and its end.

mod entries;
mod new_calls;
mod pace;
mod recipients;

use std::{sync::Arc, time::Duration};

use bson::DateTime;
use chrono::Utc;

pub use entries::RecipientFault;
pub use pace::CannotFinish;
pub use recipients::{Added, CheckedRecipients, RecipientsError};

use super::rules::{Content, ContentFault, Rules};
use crate::{
    config::CallConfig,
    dao::{Callee, Dao},
    domain::{
        Batch, BatchCreate, BatchId, BatchStatus, Idempotency, Pace, PhoneNumber, Priority,
        RequestedTime, TimeZone, Timing,
    },
};

/// Time after `scheduled_at`, or after its creation, for which a batch lives by default.
const LIFE: Duration = Duration::from_hours(7 * 24);

/// The service of batches.
#[derive(Clone)]
pub struct Batches {
    dao: Dao,
    rules: Arc<Rules>,
    from_number: PhoneNumber,
    default_zone: TimeZone,
    /// The pace of all dials.
    pace: Pace,
}

impl Batches {
    /// Takes the configuration. Connects to nothing.
    #[must_use]
    pub fn new(dao: Dao, rules: Arc<Rules>, config: &CallConfig, pace: Pace) -> Self {
        Self {
            dao,
            rules,
            from_number: config.from_number.clone(),
            default_zone: config.default_time_zone.clone(),
            pace,
        }
    }

    /// Makes a new batch from a request, and checks it. `callee` has the user, and the facts about the numbers that transfers may
    /// dial.
    ///
    /// # Errors
    ///
    /// See [`ContentFault`].
    pub fn new_batch(
        &self,
        request: BatchCreate,
        callee: &Callee,
        idempotency: Option<&Idempotency>,
        created_by: Option<String>,
    ) -> Result<Batch, ContentFault> {
        let now = DateTime::now();
        let content = Content::from(&request);
        self.rules.check_words(&content)?;
        let scheduled_at = request.scheduled_at.as_ref().map(RequestedTime::at);
        let expires_at = request.expires_at.as_ref().map_or_else(
            || {
                scheduled_at
                    .map_or(now, |at| at.max(now))
                    .saturating_add_duration(LIFE)
            },
            RequestedTime::at,
        );
        self.rules
            .check_audio_and_transfers(&content, None, callee, expires_at)?;
        let retry = request.retry.as_ref().map(|retry| retry.until(expires_at));
        let timing = Timing {
            scheduled_at,
            expires_at: request.expires_at.as_ref().map(RequestedTime::at),
            default_life: LIFE,
            max_wait_seconds: None,
            retry: retry.as_ref(),
            attempt: 1,
            detects_machines: request.machine_detection.is_some() || request.voicemail.is_some(),
            asks: request.steps.is_some(),
        };
        let faults = timing.faults(now);
        if !faults.is_empty() {
            return Err(ContentFault::Fields(faults));
        }
        Ok(Batch {
            id: BatchId::generate(),
            name: request.name,
            status: BatchStatus::Draft,
            user_id: callee.user.user_id().to_string(),
            script: Batch::stored_script(request.script.map(|template| template.source())),
            steps: request.steps,
            voice: request.voice,
            language: request.language,
            machine_detection: request.machine_detection,
            voicemail: request.voicemail,
            metadata: request.metadata,
            transcribe: request.transcribe,
            sensitive: request.sensitive,
            recording_enabled: request.recording_enabled,
            retry,
            priority: Priority::Bulk,
            scheduled_at,
            expires_at,
            calls_per_second: request.calls_per_second,
            reserved: 0,
            adding_until: None,
            idempotency_scope: idempotency.map(|key| key.scope.clone()),
            request_hash: idempotency.map(|key| key.request_hash.clone()),
            created_by,
            created_at: now,
            started_at: None,
            updated_at: now,
        })
    }

    /// The time from which calls of the batch may be dialled if it runs: now, or later.
    fn begin(batch: &Batch, now: DateTime) -> DateTime {
        batch.scheduled_at.map_or(now, |at| at.max(now))
    }
}

/// A stored time for the calling hours.
fn utc(at: DateTime) -> chrono::DateTime<Utc> {
    chrono::DateTime::from_timestamp_millis(at.timestamp_millis())
        .unwrap_or(chrono::DateTime::<Utc>::MAX_UTC)
}
