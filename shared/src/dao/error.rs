use std::fmt;

use mongodb::error::{Error, ErrorKind, WriteFailure};

/// Why a call of the DAO failed.
///
/// Neither `Display` nor `Debug` shows a document, a URI or a credential: the driver's own errors quote the values
/// of a violated index and the names of the servers, so that nothing of them is kept but codes and kinds.
#[derive(Debug, thiserror::Error)]
pub enum DaoError {
    /// The database is away, silent, or not a primary. A write may or may not have happened.
    #[error("the database is unavailable: {0}")]
    Unavailable(Cause),
    /// The database does not take our login, or not for what we asked. It has done nothing.
    #[error("the database refused our login: {0}")]
    LoginRefused(Cause),
    /// A unique index already holds the value.
    #[error("the database already holds this {0}")]
    Duplicate(DuplicateKey),
    /// The database refused what we asked, or gave us what we can't read: a defect of ours or of the stored data.
    #[error("the database call failed: {0}")]
    Internal(Cause),
}

/// What is known of a failure, fit for a log: the driver's kind of error, or the server's code and its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

/// Which value was there already, told by the index that refused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DuplicateKey {
    /// A user's e-mail address.
    Email,
    /// An idempotency key, together with its API key and route.
    IdempotencyScope,
    /// A call's public name.
    CallId,
    /// Twilio's name of a call.
    CallSid,
    /// Twilio's name of a recording.
    RecordingSid,
    /// Any other index, by its name.
    Other(String),
}

impl fmt::Display for DuplicateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email => f.write_str("e-mail address"),
            Self::IdempotencyScope => f.write_str("idempotency key"),
            Self::CallId => f.write_str("call_id"),
            Self::CallSid => f.write_str("CallSid"),
            Self::RecordingSid => f.write_str("RecordingSid"),
            Self::Other(index) => write!(f, "value of the index {index}"),
        }
    }
}

impl DaoError {
    pub(super) fn timed_out() -> Self {
        Self::Unavailable(Cause("time-out".to_owned()))
    }

    pub(super) fn unconfirmed() -> Self {
        Self::Unavailable(Cause("no majority has confirmed the write".to_owned()))
    }

    /// The server's code `DuplicateKey`: E11000.
    pub(super) const DUPLICATE_KEY: i32 = 11_000;

    pub(super) fn of_code(code: i32, name: &str, message: &str) -> Self {
        if code == Self::DUPLICATE_KEY {
            return Self::Duplicate(DuplicateKey::of_message(message));
        }
        let cause = Cause(format!("code {code} {name}").trim_end().to_owned());
        match code {
            13 | 18 | 8000 => Self::LoginRefused(cause),
            code if is_passing(code) => Self::Unavailable(cause),
            _ => Self::Internal(cause),
        }
    }

    /// Whether what was asked may be done once the database, or our login, is as it should be.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::LoginRefused(_))
    }
}

/// Whether the server's code means that it is away for now: the state changes and network errors of the retryable-writes
/// specification, and time-outs.
fn is_passing(code: i32) -> bool {
    const CODES: [i32; 19] = [
        6, 7, 24, 50, 64, 79, 89, 91, 100, 133, 134, 189, 262, 9001, 10_058, 10_107, 11_600,
        11_602, 13_435,
    ];
    CODES.contains(&code) || code == 13_436
}

impl From<Error> for DaoError {
    fn from(error: Error) -> Self {
        let unavailable = |text: &str| Self::Unavailable(Cause(text.to_owned()));
        let internal = |text: &str| Self::Internal(Cause(text.to_owned()));
        match error.kind.as_ref() {
            ErrorKind::Command(refused) => {
                Self::of_code(refused.code, &refused.code_name, &refused.message)
            }
            ErrorKind::Write(WriteFailure::WriteError(refused)) => Self::of_code(
                refused.code,
                refused.code_name.as_deref().unwrap_or_default(),
                &refused.message,
            ),
            ErrorKind::Write(WriteFailure::WriteConcernError(_)) => Self::unconfirmed(),
            ErrorKind::Io(io) => Self::Unavailable(Cause(format!("network: {:?}", io.kind()))),
            ErrorKind::ServerSelection { .. } => unavailable("no server could be chosen"),
            ErrorKind::ConnectionPoolCleared { .. } => unavailable("the connections were closed"),
            ErrorKind::DnsResolve { .. } => {
                unavailable("the servers' names could not be looked up")
            }
            ErrorKind::Authentication { .. } => {
                Self::LoginRefused(Cause("authentication failed".to_owned()))
            }
            ErrorKind::Shutdown => unavailable("the client was shut down"),
            ErrorKind::InvalidArgument { .. } => internal("an argument is invalid"),
            ErrorKind::BsonDeserialization(_) => internal("a stored document is not as expected"),
            ErrorKind::BsonSerialization(_) => internal("a document could not be written"),
            ErrorKind::InvalidTlsConfig { .. } => internal("the TLS configuration is invalid"),
            ErrorKind::IncompatibleServer { .. } => internal("the server is too old"),
            _ if error.contains_label(mongodb::error::RETRYABLE_WRITE_ERROR) => {
                unavailable("a passing error")
            }
            _ => internal("the driver failed"),
        }
    }
}

impl DuplicateKey {
    /// The server names the index between two fixed words, ahead of any value: `… index: NAME dup key: …`.
    fn of_message(message: &str) -> Self {
        let index = message
            .split_once(" index: ")
            .and_then(|(_, rest)| rest.split_once(" dup key"))
            .map_or("", |(name, _)| name.split(' ').next().unwrap_or(name));
        let of_recordings = message.contains(".recordings index: ");
        match index {
            "email_1" | "email_lower_unique" => Self::Email,
            "idempotency_scope_unique" => Self::IdempotencyScope,
            "call_id_unique" => Self::CallId,
            "twilio_sid_unique" | "twilio_sid_1" if of_recordings => Self::RecordingSid,
            "twilio_sid_unique" | "twilio_sid_1" => Self::CallSid,
            other => Self::Other(other.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_is_told_by_the_name_of_its_index() {
        let of = |rest: &str| {
            DuplicateKey::of_message(&format!(
                "E11000 duplicate key error collection: atlas.{rest} dup key: {{ a: \" index: call_id_unique dup key\" }}"
            ))
        };
        assert_eq!(of("users index: email_lower_unique"), DuplicateKey::Email);
        assert_eq!(of("calls index: call_id_unique"), DuplicateKey::CallId);
        assert_eq!(of("calls index: twilio_sid_unique"), DuplicateKey::CallSid);
        assert_eq!(
            of("recordings index: twilio_sid_unique"),
            DuplicateKey::RecordingSid
        );
        assert_eq!(
            of("calls index: idempotency_scope_unique collation: { locale: \"en\" }"),
            DuplicateKey::IdempotencyScope
        );
        assert_eq!(of("users index: _id_"), DuplicateKey::Other("_id_".into()));
    }

    #[test]
    fn an_error_shows_no_value() {
        let error = DaoError::of_code(
            11_000,
            "DuplicateKey",
            "E11000 duplicate key error collection: a.users index: email_lower_unique dup key: { email_lower: \"ada@example.com\" }",
        );
        assert!(!format!("{error} {error:?}").contains("ada"));
    }

    #[test]
    fn a_primary_that_steps_down_is_unavailable() {
        for code in [91, 189, 10_107, 11_600, 13_435, 13_436] {
            assert!(matches!(
                DaoError::of_code(code, "", ""),
                DaoError::Unavailable(_)
            ));
        }
        assert!(matches!(
            DaoError::of_code(2, "BadValue", ""),
            DaoError::Internal(_)
        ));
    }
}
