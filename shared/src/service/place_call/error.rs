//! Why a request placed or changed no call.

use http::StatusCode;

use crate::{
    dao::DaoError,
    domain::{CallRefusal, FieldFault, RuleError, TwilioRefusal},
    service::rules::ContentFault,
};

/// Why a request placed no call.
#[derive(Debug)]
pub enum PlaceCallError {
    /// There is no user with the request's `user_id`.
    UserNotFound,
    /// Fields contradict each other, or the present time.
    Invalid(Vec<FieldFault>),
    /// A rule or a daily cap refuses the call.
    Refused(CallRefusal),
    /// Twilio refused to dial, or could not be reached.
    NotDialled {
        /// Twilio's refusal.
        refusal: TwilioRefusal,
        /// The HTTP status of the response.
        status: StatusCode,
        /// Seconds after which to repeat the request, if Twilio has not taken it and its key is free.
        retry_after_seconds: Option<u32>,
    },
    /// The first request with this idempotency key is still under way.
    InProgress,
    /// The idempotency key came with another request before.
    KeyReused,
    /// The calling hours can't be checked: the message says which time zone is unknown.
    UnknownTimeZone(&'static str),
    /// The database failed.
    Database(DaoError),
}

/// Passes if there are no faults.
///
/// # Errors
///
/// [`PlaceCallError::Invalid`] with all of them.
pub(super) fn no_faults(
    faults: impl IntoIterator<Item = FieldFault>,
) -> Result<(), PlaceCallError> {
    let faults: Vec<_> = faults.into_iter().collect();
    if faults.is_empty() {
        Ok(())
    } else {
        Err(PlaceCallError::Invalid(faults))
    }
}

impl From<DaoError> for PlaceCallError {
    fn from(error: DaoError) -> Self {
        Self::Database(error)
    }
}

impl From<CallRefusal> for PlaceCallError {
    fn from(refusal: CallRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ContentFault> for PlaceCallError {
    fn from(fault: ContentFault) -> Self {
        match fault {
            ContentFault::Fields(faults) => Self::Invalid(faults),
            ContentFault::Rule(refusal) => Self::Refused(refusal),
        }
    }
}

impl From<RuleError> for PlaceCallError {
    fn from(error: RuleError) -> Self {
        match error {
            RuleError::Refused(refusal) => Self::Refused(refusal),
            RuleError::UnknownTimeZone(message) => Self::UnknownTimeZone(message),
        }
    }
}

/// Why a request did not change a waiting call.
#[derive(Debug)]
pub enum ChangeCallError {
    /// There is no such call.
    NotFound,
    /// The call is being dialled, or goes on.
    Started,
    /// The call has ended.
    Ended,
    /// Other changes of the call kept coming first.
    Busy,
    /// The change is invalid or against a rule, or the database failed.
    Rejected(PlaceCallError),
}

impl<E: Into<PlaceCallError>> From<E> for ChangeCallError {
    fn from(error: E) -> Self {
        Self::Rejected(error.into())
    }
}
