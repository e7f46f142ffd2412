//! Checks the rules for a waiting call, as they stand now.

use bson::DateTime;
use chrono::Utc;
use outdial::{
    dao::{BatchState, DaoError},
    domain::{Call, CallRefusal, RefusalCode, RuleError, StatusReason, WaitingFor},
    service::rules::{Line, looked_up},
};

use crate::App;

/// Result of the rules for a waiting call.
pub(crate) enum Verdict {
    /// It may be dialled now.
    Allowed {
        /// True if this is a probe, because Twilio refused the account.
        stopped: bool,
    },
    /// It waits on.
    Later {
        /// Time from which it is due again; `None` leaves it due.
        due_at: Option<DateTime>,
        /// What it waits for.
        waiting_for: WaitingFor,
    },
    /// It is never dialled.
    Never {
        /// The rule's code.
        reason: &'static str,
    },
}

impl Verdict {
    /// Reads the facts and checks the rules, as they stand now.
    pub(crate) async fn of(app: &App, call: &Call, line: &Line) -> Result<Self, DaoError> {
        let Ok(user) = call.user_id.parse() else {
            return Ok(Self::never(StatusReason::UserNotFound.as_str()));
        };
        let numbers = looked_up(line, call.steps.as_ref());
        let found = app.dao.get_queued_callee(call, user, &numbers).await?;
        let Some(found) = found else {
            return Ok(Self::never(StatusReason::UserNotFound.as_str()));
        };
        match found.batch {
            BatchState::Runs => {}
            BatchState::Waits => return Ok(Self::due(WaitingFor::Batch)),
            BatchState::Canceled => return Ok(Self::never(StatusReason::BatchCanceled.as_str())),
        }
        let callee = &found.callee;
        let zone = call.time_zone.as_ref().or(callee.user.time_zone.as_ref());
        let permanent = app
            .rules
            .check_permanent(line, callee)
            .map_err(RuleError::from);
        let speech = (call.voice.as_ref(), call.language.as_ref());
        let transfers = app
            .rules
            .check_transfers(call.steps.as_ref(), Some(line), callee, speech)
            .map_err(RuleError::from);
        let checked = permanent.and(transfers).and_then(|()| {
            let now = Utc::now();
            app.rules
                .check_temporary_for_a_dial(line, callee, zone, now)
        });
        Ok(match checked {
            Ok(()) => Self::Allowed {
                stopped: found.stop.is_some(),
            },
            Err(RuleError::UnknownTimeZone(message)) => {
                tracing::error!(error = message, "calling hours not checked");
                Self::never(RefusalCode::NoCallingHours.as_str())
            }
            Err(RuleError::Refused(refusal)) => Self::refused(&refusal),
        })
    }

    fn refused(refusal: &CallRefusal) -> Self {
        match refusal {
            CallRefusal::DialingOff { .. } => Self::due(WaitingFor::DialingOff),
            CallRefusal::Field {
                code: RefusalCode::OutsideCallingHours,
                next_allowed_at: Some(next),
                ..
            } => Self::Later {
                due_at: Some(DateTime::from_millis(next.timestamp_millis())),
                waiting_for: WaitingFor::CallingHours,
            },
            refusal => Self::never(refusal.code().as_str()),
        }
    }

    fn due(waiting_for: WaitingFor) -> Self {
        Self::Later {
            due_at: None,
            waiting_for,
        }
    }

    fn never(reason: &'static str) -> Self {
        Self::Never { reason }
    }
}
