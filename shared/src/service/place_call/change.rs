//! Changing a call that waits in the dial queue.

use bson::DateTime;
use tokio::time::Instant;

use super::{
    CallPlacer, ChangeCallError, PlaceCallError,
    admit::Admission,
    error::no_faults,
    schedule::{default_life, too_late, waits_for},
};
use crate::{
    dao::{self, Callee, within},
    domain::{
        Call, CallId, CallStatus, CallUpdate, FieldFault, Lane, NEEDS_RECORDING,
        OutsideCallingHours, Priority, RequestedTime, Retry, Timing, UserId, Voicemail, WaitingFor,
    },
    service::rules::{Content, Line, looked_up, transfer_lines},
};

/// Number of times that a change is tried again after another change came first.
const TRIES: u32 = 5;

impl CallPlacer {
    /// Changes a waiting call, and ends its lease: a dial that is about to begin does not begin. Returns the changed call.
    ///
    /// # Errors
    ///
    /// See [`ChangeCallError`]. If the database failed, the change may have been stored.
    pub async fn change(&self, id: CallId, update: &CallUpdate) -> Result<Call, ChangeCallError> {
        let deadline = Instant::now() + dao::CALL_TIMEOUT;
        let dao = &self.admission.dao;
        for _ in 0..TRIES {
            let read = within(deadline, dao.get_call_to_change(id)).await?;
            let read = read.ok_or(ChangeCallError::NotFound)?;
            let call = &read.call;
            match call.status {
                CallStatus::Scheduled => {}
                status if status.is_terminal() => return Err(ChangeCallError::Ended),
                _ => return Err(ChangeCallError::Started),
            }
            let line = Line::of(&call.to_number);
            let user: Option<UserId> = call.user_id.parse().ok();
            let user = user.ok_or(PlaceCallError::UserNotFound)?;
            let steps = update.steps.0.as_ref().or(call.steps.as_ref());
            let numbers = looked_up(&line, steps);
            let callee = within(deadline, dao.get_callee(user, &numbers)).await?;
            let callee = callee.ok_or(PlaceCallError::UserNotFound)?;
            let changed = self.admission.changed(call, update, &line, &callee)?;
            if within(deadline, dao.change_waiting_call(&read, &changed)).await? {
                return Ok(changed);
            }
        }
        Err(ChangeCallError::Busy)
    }
}

/// The times of a waiting call after a change.
struct Times {
    /// Time at which the client wants it.
    from: DateTime,
    /// End of all attempts. `None`: the default.
    ends: Option<DateTime>,
    /// True if the client moves the call.
    moves: bool,
    /// True if the client moves its end.
    moves_end: bool,
}

impl Times {
    fn of(call: &Call, update: &CallUpdate, now: DateTime) -> Self {
        let scheduled_at = update.scheduled_at.0.as_ref().map(RequestedTime::at);
        let due_at = call.due_at.unwrap_or(now);
        let stored_end = call.retry.as_ref().map(|retry| retry.expires_at);
        Self {
            from: scheduled_at.unwrap_or(due_at).max(now),
            ends: match &update.expires_at.0 {
                Some(changed) => changed.as_ref().map(RequestedTime::at),
                None => stored_end.or(call.expires_at),
            },
            moves: scheduled_at.is_some() || update.outside_calling_hours.0.is_some(),
            moves_end: update.expires_at.0.is_some(),
        }
    }
}

impl Admission {
    /// Returns the call after the change.
    fn changed(
        &self,
        call: &Call,
        update: &CallUpdate,
        line: &Line,
        callee: &Callee,
    ) -> Result<Call, PlaceCallError> {
        let now = DateTime::now();
        let changed = with_content(call, update);
        let times = Times::of(call, update, now);
        check_times(&changed, update, &times, now)?;
        let (rules, content) = (&self.scheduler.rules, Content::from(&changed));
        rules.check_content(&content)?;
        rules.check_permanent(line, callee)?;
        let zone = call.time_zone.as_ref().or(callee.user.time_zone.as_ref());
        let waits = update.outside_calling_hours.0 != Some(OutsideCallingHours::Refuse);
        let opens = if times.moves || times.moves_end {
            self.scheduler.open_from(line, zone, times.from, waits)?
        } else {
            times.from
        };
        let series_ends = match times.ends {
            Some(end) => end,
            None => opens.saturating_add_duration(default_life(call)),
        };
        let expires_at = match call.expires_at {
            Some(stored) if !times.moves_end => stored,
            _ => series_ends,
        };
        if opens > times.from && opens >= expires_at {
            return Err(too_late(opens, true).into());
        }
        if opens > times.from {
            no_faults(timing(&changed, update, &times).fault_of_delays(opens))?;
        }
        let ends_at = changed
            .retry
            .as_ref()
            .map_or(expires_at, |_| series_ends.max(expires_at));
        rules.check_audio_and_transfers(&content, Some(line), callee, ends_at)?;
        let transfer_lines = transfer_lines(changed.steps.as_ref());
        let (due_at, waiting_for) = match call.due_at {
            Some(due_at) if !times.moves => (due_at, call.waiting_for),
            _ => (opens, Some(waits_for(times.from, opens))),
        };
        let of_batch = call.waiting_for.filter(|it| *it == WaitingFor::Batch);
        let retry = changed.retry.map(|retry| Retry {
            expires_at: series_ends,
            ..retry
        });
        Ok(Call {
            scheduled_at: update
                .scheduled_at
                .0
                .as_ref()
                .map_or(call.scheduled_at, |time| Some(time.at())),
            due_at: Some(due_at),
            expires_at: Some(expires_at),
            waiting_for: of_batch.or(waiting_for),
            effects_open: retry.is_some(),
            first_call_id: call.first_call_id.or(retry.as_ref().map(|_| call.call_id)),
            retry,
            lease_id: None,
            lease_until: None,
            transfer_lines,
            updated_at: now,
            ..changed
        })
    }
}

/// Returns the call with the changes that need no time.
fn with_content(call: &Call, update: &CallUpdate) -> Call {
    let old = call.clone();
    // Each replaces the other.
    let (script, steps) = match (&update.script.0, &update.steps.0) {
        (None, None) => (old.script, old.steps),
        (script, steps) => {
            let script = Call::stored_script(script.clone(), steps.as_ref());
            (script, steps.clone())
        }
    };
    let priority = update
        .priority
        .0
        .unwrap_or_else(|| call.priority.unwrap_or_default());
    Call {
        lane: Some(Lane::of(priority, call.batch_id)),
        priority: Some(priority).filter(|priority| !priority.is_normal()),
        script,
        steps,
        voice: update.voice.0.clone().unwrap_or(old.voice),
        language: update.language.0.clone().unwrap_or(old.language),
        recording_enabled: update.recording_enabled.0.unwrap_or(old.recording_enabled),
        transcribe: update.transcribe.0.unwrap_or(old.transcribe),
        machine_detection: update.machine_detection.0.unwrap_or(old.machine_detection),
        voicemail: match &update.voicemail.0 {
            Some(voicemail) => voicemail.clone().and_then(Voicemail::unless_ignored),
            None => old.voicemail,
        },
        metadata: update.metadata.0.clone().unwrap_or(old.metadata),
        retry: match &update.retry.0 {
            Some(retry) => retry.as_ref().map(|retry| retry.until(DateTime::MAX)),
            None => old.retry,
        },
        ..old
    }
}

/// The times and the retries, as far as the change concerns them.
fn timing<'a>(changed: &'a Call, update: &CallUpdate, times: &Times) -> Timing<'a> {
    let concerns_times = times.moves || times.moves_end || update.retry.0.is_some();
    let concerns_machines = update.machine_detection.0.is_some() || update.voicemail.0.is_some();
    let concerns_retry = concerns_times || concerns_machines || update.steps.0.is_some();
    let scheduled_at = update.scheduled_at.0.as_ref().map(RequestedTime::at);
    Timing {
        scheduled_at: scheduled_at.or(Some(times.from).filter(|_| concerns_times)),
        expires_at: times.ends,
        default_life: default_life(changed),
        max_wait_seconds: None,
        retry: changed.retry.as_ref().filter(|_| concerns_retry),
        attempt: changed.attempt(),
        detects_machines: changed.detects_machines(),
        asks: changed.steps.is_some(),
    }
}

/// Checks the fields that depend on others: the times, the retries, the priority and the steps.
fn check_times(
    changed: &Call,
    update: &CallUpdate,
    times: &Times,
    now: DateTime,
) -> Result<(), PlaceCallError> {
    let mut faults = timing(changed, update, times).faults(now);
    if update.script.0.is_some() && update.steps.0.is_some() {
        faults.push(FieldFault {
            field: "steps".into(),
            message: "can't be combined with script".to_owned(),
        });
    }
    if changed.voicemail.is_some() && changed.machine_detection.is_some() {
        faults.push(FieldFault {
            field: "voicemail".into(),
            message: Voicemail::NOT_WITH_DETECTION.to_owned(),
        });
    }
    if changed.transcribe && !changed.recording_enabled {
        faults.push(FieldFault {
            field: "transcribe".into(),
            message: NEEDS_RECORDING.to_owned(),
        });
    }
    if changed.sensitive && changed.recording_enabled {
        faults.push(FieldFault {
            field: "recording_enabled".into(),
            message: "must be false: the call is sensitive, and the recording would keep its words"
                .to_owned(),
        });
    }
    let is_of_batch = changed.batch_id.is_some();
    if is_of_batch && update.priority.0.is_some_and(|it| it != Priority::Bulk) {
        faults.push(FieldFault {
            field: "priority".into(),
            message: "must be bulk, because the call belongs to a batch".to_owned(),
        });
    }
    let is_over = changed.expires_at.is_some_and(|end| times.from >= end);
    if times.moves
        && !times.moves_end
        && is_over
        && !faults.iter().any(|fault| fault.field == "expires_at")
    {
        faults.push(FieldFault {
            field: "expires_at".into(),
            message: "must be later than scheduled_at: send a later one, or null for the default"
                .to_owned(),
        });
    }
    no_faults(faults)
}
