//! Why a call ended before Twilio had it, apart from the codes of rules.

/// The `status_reason` of a canceled call that broke no rule. Rules have a [`RefusalCode`](super::RefusalCode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusReason {
    /// A client canceled it.
    Requested,
    /// The attempt before it turned out to be answered.
    Answered,
    /// Its batch was canceled.
    BatchCanceled,
    /// Its user was deleted.
    UserNotFound,
    /// The person asked for no further calls.
    OptedOut,
}

impl StatusReason {
    /// The word for the reason, in the database, in responses and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Answered => "answered",
            Self::BatchCanceled => "batch_canceled",
            Self::UserNotFound => "user_not_found",
            Self::OptedOut => "opted_out",
        }
    }
}
