//! Errors of the DAO.

mod codes;
mod duplicate_key;
#[cfg(test)]
mod tests;

use mongodb::{
    bson,
    error::{Error, ErrorKind, WriteFailure},
};

pub use duplicate_key::DuplicateKey;

use self::{
    codes::{ATLAS_ERROR, DUPLICATE_KEY, TRANSIENT, TRANSIENT_LABELS},
    duplicate_key::violated_fields,
};

/// Why a DAO call failed. Any call can fail with any of these, except [`DaoError::Duplicate`].
///
/// A call is [`Unavailable`](Self::Unavailable) when the database is down, unreachable or too slow, and
/// [`LoginRefused`](Self::LoginRefused) when it rejects our credentials. It is [`Internal`](Self::Internal) when there is a bug.
/// The methods document only other errors.
///
/// Neither `Display` nor `Debug` shows a document, a URI or a credential. The driver's errors quote values of a violated index
/// and server names, so only their codes and kinds are kept.
#[derive(Debug, thiserror::Error)]
pub enum DaoError {
    /// The database is down, unreachable or too slow, or has no primary. A write may or may not have happened.
    #[error("the database is unavailable: {0}")]
    Unavailable(Cause),
    /// The database rejected our credentials, or they lack a permission. Nothing was changed.
    #[error("the database rejected the credentials: {0}")]
    LoginRefused(Cause),
    /// A unique value already exists.
    #[error("the database already holds this {0}")]
    Duplicate(DuplicateKey),
    /// The database rejected the command, or returned an unreadable document: a bug, or corrupt data.
    #[error("the database call failed: {0}")]
    Internal(Cause),
}

/// The cause of a failure, safe to log: the driver's kind of error, or the server's code and its name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

impl DaoError {
    pub(super) fn timed_out() -> Self {
        Self::Unavailable(Cause("timeout".to_owned()))
    }

    pub(super) fn unconfirmed() -> Self {
        Self::Unavailable(Cause(
            "the write was not confirmed by a majority".to_owned(),
        ))
    }

    /// The error for a code of the server. `fields` are those of the violated unique index, if the server reports them.
    pub(super) fn of_code(code: i32, name: &str, message: &str, fields: &[String]) -> Self {
        if DUPLICATE_KEY.contains(&code) {
            return Self::Duplicate(DuplicateKey::of(fields, message));
        }
        let cause = format!("code {code} {name}").trim_end().to_owned();
        match code {
            13 | 18 => Self::LoginRefused(Cause(cause)),
            ATLAS_ERROR => Self::of_atlas(cause, message),
            code if TRANSIENT.contains(&code) => Self::Unavailable(Cause(cause)),
            _ => Self::Internal(Cause(cause)),
        }
    }

    /// The error for a message of the Atlas proxy, which has one code for everything.
    ///
    /// Only the message distinguishes a wrong password from a full cluster. It is not kept, because it may contain names of users
    /// and namespaces.
    fn of_atlas(cause: String, message: &str) -> Self {
        let message = message.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
        if says(&[
            "bad auth",
            "authentication failed",
            "not authorized",
            "user is not allowed",
        ]) {
            Self::LoginRefused(Cause(cause))
        } else if says(&["space quota"]) {
            Self::Unavailable(Cause(format!("{cause}: over the cluster's space quota")))
        } else if says(&["not allowed", "disallowed", "not supported", "unsupported"]) {
            Self::Internal(Cause(format!("{cause}: not allowed on this cluster")))
        } else {
            Self::Unavailable(Cause(cause))
        }
    }

    /// Returns whether the error is transient: the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::LoginRefused(_))
    }
}

/// Returns whether this is the server's code of a duplicate key.
pub(super) fn is_duplicate_key(code: i32) -> bool {
    DUPLICATE_KEY.contains(&code)
}

impl From<Error> for DaoError {
    fn from(error: Error) -> Self {
        match Self::of_kind(&error) {
            Self::Internal(cause)
                if TRANSIENT_LABELS
                    .iter()
                    .any(|label| error.contains_label(label)) =>
            {
                Self::Unavailable(cause)
            }
            read => read,
        }
    }
}

impl DaoError {
    fn of_kind(error: &Error) -> Self {
        let unavailable = |text: &str| Self::Unavailable(Cause(text.to_owned()));
        let internal = |text: &str| Self::Internal(Cause(text.to_owned()));
        let refused = |code: i32, name: &str, message: &str| {
            let fields = error.server_response().map(|reply| violated_fields(reply));
            Self::of_code(code, name, message, &fields.unwrap_or_default())
        };
        match error.kind.as_ref() {
            ErrorKind::Command(error) => refused(error.code, &error.code_name, &error.message),
            ErrorKind::Write(WriteFailure::WriteError(error)) => refused(
                error.code,
                error.code_name.as_deref().unwrap_or_default(),
                &error.message,
            ),
            ErrorKind::Write(WriteFailure::WriteConcernError(_)) => Self::unconfirmed(),
            ErrorKind::InsertMany(failed) => match failed.write_errors.as_deref() {
                Some([error, ..]) => refused(
                    error.code,
                    error.code_name.as_deref().unwrap_or_default(),
                    &error.message,
                ),
                _ => Self::unconfirmed(),
            },
            ErrorKind::Io(io) => Self::Unavailable(Cause(format!("network: {:?}", io.kind()))),
            ErrorKind::ServerSelection { .. } => unavailable("no server is available"),
            ErrorKind::ConnectionPoolCleared { .. } => unavailable("the connections were closed"),
            ErrorKind::DnsResolve { .. } => unavailable("DNS lookup of the servers failed"),
            ErrorKind::Authentication { .. } => {
                Self::LoginRefused(Cause("authentication failed".to_owned()))
            }
            ErrorKind::Shutdown => unavailable("the client was shut down"),
            ErrorKind::InvalidArgument { .. } => internal("an argument is invalid"),
            ErrorKind::Bson(error) => Self::of_bson(error),
            ErrorKind::InvalidTlsConfig { .. } => internal("the TLS configuration is invalid"),
            ErrorKind::IncompatibleServer { .. } => internal("the server is too old"),
            _ => internal("the driver failed"),
        }
    }

    /// The error for a value that can't be read or written as BSON. The driver's message is dropped, because it may quote the
    /// value.
    pub(super) fn of_bson(error: &bson::error::Error) -> Self {
        let text = match error.kind {
            bson::error::ErrorKind::Serialization { .. } => "a document could not be written",
            _ => "a stored document is malformed",
        };
        Self::Internal(Cause(text.to_owned()))
    }
}
