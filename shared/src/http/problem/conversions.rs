//! Errors of the database, of Twilio and of the calling rules as error responses.

use super::Problem;
use crate::{
    dao::{DaoError, DuplicateKey},
    domain::CallRefusal,
    twilio::TwilioError,
};

impl From<DaoError> for Problem {
    fn from(error: DaoError) -> Self {
        match &error {
            DaoError::Unavailable(_) | DaoError::LoginRefused(_) => Self::unavailable(
                "The database can't be reached. A change may or may not have been made: retry the request with the \
                 same Idempotency-Key.",
                error,
            ),
            DaoError::Duplicate(DuplicateKey::Email) => Self::conflict(
                "email_taken",
                "Another user has this e-mail address. Upper and lower case count as the same.",
            ),
            DaoError::Duplicate(_) | DaoError::Internal(_) => Self::internal(error),
        }
    }
}

impl From<TwilioError> for Problem {
    fn from(error: TwilioError) -> Self {
        match error {
            TwilioError::Refused(refusal) => Self::twilio_refused(refusal),
            TwilioError::Unavailable(_) | TwilioError::Unusable(_) => {
                Self::twilio_unreachable(&error)
            }
        }
    }
}

impl From<CallRefusal> for Problem {
    fn from(refusal: CallRefusal) -> Self {
        let code = refusal.code().as_str();
        match refusal {
            CallRefusal::Field {
                field,
                message,
                next_allowed_at,
                ..
            } => {
                let problem = Self::rule(code, &field, message);
                match next_allowed_at {
                    Some(next) => problem.allowed_from(next),
                    None => problem,
                }
            }
            CallRefusal::DailyCap {
                message,
                retry_after_seconds,
                ..
            } => Self::too_many(code, message, retry_after_seconds),
            CallRefusal::PaceExceeded => Self::too_many(
                code,
                "DIALS_PER_SECOND allows no further call at this moment, and max_wait_seconds is 0. Retry in a second, or let \
                 the call wait.",
                1,
            ),
            CallRefusal::DialingOff { cause } => Self::switched_off(
                code,
                "An operator has switched dialling off. The call was not stored or dialled.",
                cause,
            ),
        }
    }
}
