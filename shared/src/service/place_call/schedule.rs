//! The schedule of a new call: dialled now, or later from the dial queue; and the rules for that time.

use std::{sync::Arc, time::Duration};

use bson::DateTime;
use chrono::Utc;

use super::error::{PlaceCallError, no_faults};
use crate::{
    dao::Callee,
    domain::{
        Call, CallRefusal, OutboundCallRequest, OutsideCallingHours, RefusalCode, RequestedTime,
        Retry, RuleError, TimeZone, Timing, WaitingFor,
    },
    service::rules::{Line, Rules},
};

/// Default time that a call may wait after the first minute in which it may be dialled.
const DEFAULT_LIFE: Duration = Duration::from_hours(24);
/// The same for the calls of a batch.
const DEFAULT_LIFE_IN_BATCH: Duration = Duration::from_hours(7 * 24);

/// The schedule of a new call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schedule {
    /// True if the call is dialled at once, if a permit is free.
    pub(super) is_now: bool,
    /// Time from which it may be dialled.
    pub(super) due_at: DateTime,
    /// True if it may wait for a permit, or for Twilio.
    pub(super) may_wait: bool,
    /// Time from which it is no longer dialled.
    pub(super) expires_at: DateTime,
    /// Reason for the wait.
    pub(super) waiting_for: WaitingFor,
    /// The retries.
    pub(super) retry: Option<Retry>,
}

impl Schedule {
    /// Time from which no attempt is dialled.
    pub(super) fn ends_at(&self) -> DateTime {
        self.retry.as_ref().map_or(self.expires_at, |retry| {
            retry.expires_at.max(self.expires_at)
        })
    }
}

/// Decides when calls are dialled, by the rules for that time.
pub(super) struct Scheduler {
    pub(super) rules: Arc<Rules>,
    /// True if the stack has a dial queue. Without one, no call waits.
    pub(super) has_queue: bool,
}

impl Scheduler {
    /// Decides when the call is dialled, and checks the rules that hold for that time.
    ///
    /// # Errors
    ///
    /// If fields contradict each other or the present time, if a rule refuses the call, or if the hours allow it only after it
    /// expires.
    pub(super) fn schedule(
        &self,
        request: &OutboundCallRequest,
        line: &Line,
        callee: &Callee,
    ) -> Result<Schedule, PlaceCallError> {
        self.check_queue(request)?;
        let now = DateTime::now();
        let wanted = request.scheduled_at.as_ref().map(|time| time.at().max(now));
        let outside = request.outside_calling_hours;
        let outside = outside.unwrap_or_else(|| request.default_outside_calling_hours());
        let waits = outside == OutsideCallingHours::Wait;
        self.rules.check_permanent(line, callee)?;
        let from = wanted.unwrap_or(now);
        let zone = callee.user.time_zone.as_ref();
        let due_at = match wanted {
            Some(from) => self.open_from(line, zone, from, waits)?,
            None => self.open_now(line, callee, now, waits)?,
        };
        let explicit = request.expires_at.as_ref().map(RequestedTime::at);
        let series_ends = explicit.unwrap_or_else(|| due_at.saturating_add_duration(DEFAULT_LIFE));
        let expires_at = match wanted {
            Some(_) => series_ends,
            None => series_ends.min(now.saturating_add_duration(longest_wait(request))),
        };
        if due_at > from && due_at >= expires_at {
            return Err(too_late(due_at, due_at >= series_ends).into());
        }
        let retry = request.retry.as_ref().map(|retry| retry.until(series_ends));
        if due_at > from {
            no_faults(timing(request, retry.as_ref()).fault_of_delays(due_at))?;
        }
        Ok(Schedule {
            is_now: wanted.is_none() && due_at <= now,
            due_at,
            may_wait: self.has_queue && request.max_wait_seconds != Some(0),
            expires_at,
            waiting_for: waits_for(from, due_at),
            retry,
        })
    }

    /// Refuses a request that needs the missing dial queue.
    fn check_queue(&self, request: &OutboundCallRequest) -> Result<(), CallRefusal> {
        let may_wait = request.outside_calling_hours == Some(OutsideCallingHours::Wait);
        let needs = [
            ("scheduled_at", request.scheduled_at.is_some()),
            ("expires_at", request.expires_at.is_some()),
            ("outside_calling_hours", may_wait),
            ("retry", request.retry.is_some()),
        ];
        match (self.has_queue, needs.iter().find(|(_, is_used)| *is_used)) {
            (false, Some((field, _))) => Err(CallRefusal::of_field(
                RefusalCode::SchedulingUnavailable,
                *field,
                "needs the dial queue, which this stack does not have: leave the field out, or have an operator add the queue",
            )),
            _ => Ok(()),
        }
    }

    /// Returns when a call without `scheduled_at` may be dialled: now, or when the hours open if it may wait for that. A kill
    /// switch that is off refuses it.
    fn open_now(
        &self,
        line: &Line,
        callee: &Callee,
        now: DateTime,
        waits: bool,
    ) -> Result<DateTime, RuleError> {
        let zone = callee.user.time_zone.as_ref();
        match self
            .rules
            .check_temporary(line, callee, zone, chrono_time(now))
        {
            Ok(()) => Ok(now),
            Err(RuleError::Refused(CallRefusal::Field {
                code: RefusalCode::OutsideCallingHours,
                next_allowed_at: Some(next),
                ..
            })) if waits => Ok(bson_time(next)),
            Err(error) => Err(error),
        }
    }

    /// Returns the first time from `from` on at which the hours allow a call. If it may not wait for that, it must be `from`.
    pub(super) fn open_from(
        &self,
        line: &Line,
        zone: Option<&TimeZone>,
        from: DateTime,
        waits: bool,
    ) -> Result<DateTime, RuleError> {
        let (at, never) = (chrono_time(from), chrono::DateTime::<Utc>::MAX_UTC);
        let opens = bson_time(self.rules.first_allowed(line, zone, at, never)?);
        if opens > from && !waits {
            let refusal = outside(
                "scheduled_at",
                "must be within the calling hours, or come with outside_calling_hours: wait",
                opens,
            );
            return Err(refusal.into());
        }
        Ok(opens)
    }
}

/// Checks the times, the wait and the retries of a request for a new call.
///
/// # Errors
///
/// [`PlaceCallError::Invalid`] with every fault.
pub(super) fn check_timing(request: &OutboundCallRequest) -> Result<(), PlaceCallError> {
    let retry = request.retry.as_ref();
    let retry = retry.map(|retry| retry.until(DateTime::MAX));
    no_faults(timing(request, retry.as_ref()).faults(DateTime::now()))
}

fn timing<'a>(request: &OutboundCallRequest, retry: Option<&'a Retry>) -> Timing<'a> {
    Timing {
        scheduled_at: request.scheduled_at.as_ref().map(RequestedTime::at),
        expires_at: request.expires_at.as_ref().map(RequestedTime::at),
        default_life: DEFAULT_LIFE,
        max_wait_seconds: request.max_wait_seconds,
        retry,
        attempt: 1,
        detects_machines: request.machine_detection.is_some() || request.voicemail.is_some(),
        asks: request.steps.is_some(),
    }
}

/// Default time between a call's first allowed minute and its end.
pub(super) fn default_life(call: &Call) -> Duration {
    match call.batch_id {
        Some(_) => DEFAULT_LIFE_IN_BATCH,
        None => DEFAULT_LIFE,
    }
}

/// Reason for the wait of a call with the wanted time `from`.
pub(super) fn waits_for(from: DateTime, due_at: DateTime) -> WaitingFor {
    if due_at > from {
        WaitingFor::CallingHours
    } else {
        WaitingFor::ScheduledTime
    }
}

/// The refusal of a call that the hours allow only after it expires: by its `expires_at`, or else by its `max_wait_seconds`.
pub(super) fn too_late(opens: DateTime, by_expires_at: bool) -> CallRefusal {
    let remedy = if by_expires_at {
        "set a later expires_at"
    } else {
        "set a larger max_wait_seconds, or scheduled_at"
    };
    let message =
        format!("may be called within the calling hours only after the call expires: {remedy}");
    outside("to_number", &message, opens)
}

fn outside(field: &'static str, message: &str, opens: DateTime) -> CallRefusal {
    let next = chrono_time(opens);
    let shown = next.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    CallRefusal::Field {
        code: RefusalCode::OutsideCallingHours,
        field: field.into(),
        message: format!("{message}; the next allowed time is {shown}"),
        next_allowed_at: Some(next),
    }
}

/// Longest wait of a call without `scheduled_at`.
fn longest_wait(request: &OutboundCallRequest) -> Duration {
    let seconds = request.max_wait_seconds;
    let seconds = seconds.unwrap_or(OutboundCallRequest::DEFAULT_WAIT_SECONDS);
    Duration::from_secs(seconds.into())
}

fn chrono_time(at: DateTime) -> chrono::DateTime<Utc> {
    chrono::DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or_default()
}

fn bson_time(at: chrono::DateTime<Utc>) -> DateTime {
    DateTime::from_millis(at.timestamp_millis())
}
