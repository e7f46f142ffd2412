use std::fmt;

use mongodb::{
    bson::{self, RawDocument},
    error::{
        Error, ErrorKind, RETRYABLE_ERROR, RETRYABLE_WRITE_ERROR, SYSTEM_OVERLOADED_ERROR,
        TRANSIENT_TRANSACTION_ERROR, WriteFailure,
    },
};

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
    /// Any other index, by its name or its fields; empty where the server names neither.
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
            Self::Other(index) if index.is_empty() => f.write_str("value of a unique index"),
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

    /// The error for the server's code. `fields` are those of the violated unique index, if the server names them.
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

    /// Atlas has one code for everything that its proxy refuses; only the message tells a wrong password from a full
    /// cluster. The message itself is not kept, because it may name users and namespaces.
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

    /// Whether what was asked may be done once the database, or our login, is as it should be.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::LoginRefused(_))
    }
}

/// The codes of a duplicate key: E11000, and what older servers and routers have said instead.
const DUPLICATE_KEY: [i32; 3] = [11_000, 11_001, 12_582];

/// The code of every error of Atlas's own proxy.
const ATLAS_ERROR: i32 = 8_000;

/// The codes of errors that pass: those of the specifications of retryable reads and writes, time-outs, conflicts with
/// other operations, and a server that is short of memory, disk or permits.
const TRANSIENT: [i32; 38] = [
    6,      // HostUnreachable
    7,      // HostNotFound
    24,     // LockTimeout
    43,     // CursorNotFound
    50,     // MaxTimeMSExpired
    63,     // StaleShardVersion
    64,     // WriteConcernTimeout
    79,     // UnknownReplWriteConcern
    89,     // NetworkTimeout
    91,     // ShutdownInProgress
    94,     // NotYetInitialized
    100,    // UnsatisfiableWriteConcern
    112,    // WriteConflict
    133,    // FailedToSatisfyReadPreference
    134,    // ReadConcernMajorityNotAvailableYet
    146,    // ExceededMemoryLimit
    150,    // StaleEpoch
    175,    // QueryPlanKilled
    189,    // PrimarySteppedDown
    202,    // NetworkInterfaceExceededTimeLimit
    237,    // CursorKilled
    246,    // SnapshotUnavailable
    251,    // NoSuchTransaction
    262,    // ExceededTimeLimit
    290,    // TransactionExceededLifetimeLimitSeconds
    365,    // TemporarilyUnavailable
    462,    // IngressRequestRateLimitExceeded
    9_001,  // SocketException
    10_058, // NotPrimary, of older servers
    10_107, // NotWritablePrimary
    11_600, // InterruptedAtShutdown
    11_601, // Interrupted
    11_602, // InterruptedDueToReplStateChange
    13_388, // StaleConfig
    13_435, // NotPrimaryNoSecondaryOk
    13_436, // NotPrimaryOrSecondary
    14_031, // OutOfDiskSpace
    16_500, // too many requests, of hosted databases
];

/// The labels by which a server or the driver says that an error passes, whatever its code.
const TRANSIENT_LABELS: [&str; 4] = [
    RETRYABLE_WRITE_ERROR,
    TRANSIENT_TRANSACTION_ERROR,
    RETRYABLE_ERROR,
    SYSTEM_OVERLOADED_ERROR,
];

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
            ErrorKind::Bson(error) => Self::of_bson(error),
            ErrorKind::InvalidTlsConfig { .. } => internal("the TLS configuration is invalid"),
            ErrorKind::IncompatibleServer { .. } => internal("the server is too old"),
            _ => internal("the driver failed"),
        }
    }

    /// The error for a value that could not be read or written as BSON. The driver's own words may quote it.
    pub(super) fn of_bson(error: &bson::error::Error) -> Self {
        let text = match error.kind {
            bson::error::ErrorKind::Serialization { .. } => "a document could not be written",
            _ => "a stored document is not as expected",
        };
        Self::Internal(Cause(text.to_owned()))
    }
}

/// The fields of the unique index that the server's reply names in `keyPattern`: of the first failed write, else of the
/// command. Empty where it names none.
fn violated_fields(reply: &RawDocument) -> Vec<String> {
    let first = reply.get_array("writeErrors").ok();
    let first = first.and_then(|errors| errors.into_iter().next()?.ok()?.as_document());
    let pattern = first.unwrap_or(reply).get_document("keyPattern");
    let fields = pattern.into_iter().flatten().flatten();
    fields.map(|(field, _)| field.to_string()).collect()
}

/// The names of our unique indexes, and which value each holds.
const INDEXES: [(&str, DuplicateKey); 7] = [
    ("email_1", DuplicateKey::Email),
    ("email_lower_unique", DuplicateKey::Email),
    ("idempotency_scope_unique", DuplicateKey::IdempotencyScope),
    ("call_id_unique", DuplicateKey::CallId),
    ("call_id_1", DuplicateKey::CallId),
    ("twilio_sid_unique", DuplicateKey::CallSid),
    ("twilio_sid_1", DuplicateKey::CallSid),
];

impl DuplicateKey {
    /// Goes by the fields of the index, which every engine that sends them spells alike; without them by the message.
    /// Only `MongoDB`'s message says which collection it was: of another engine, a recording's `twilio_sid` is a
    /// [`DuplicateKey::CallSid`].
    fn of(fields: &[String], message: &str) -> Self {
        let key = match fields {
            [] => Self::of_message(message),
            [field] => match field.as_str() {
                "email" | "email_lower" => Self::Email,
                "idempotency_scope" => Self::IdempotencyScope,
                "call_id" => Self::CallId,
                "twilio_sid" => Self::CallSid,
                other => Self::Other(other.to_owned()),
            },
            several => Self::Other(several.join("_")),
        };
        if key == Self::CallSid && message.contains(".recordings ") {
            return Self::RecordingSid;
        }
        key
    }

    /// `MongoDB` names the index between two fixed words, ahead of any value: `… index: NAME dup key: …`. Of another
    /// engine's message, the first of our indexes that it names ahead of a document counts.
    fn of_message(message: &str) -> Self {
        let head = message.split('{').next().unwrap_or_default();
        let named = head.split_once(" index: ").map(|(_, rest)| rest);
        let mut words = named
            .unwrap_or(head)
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        if let Some(word) = named.and_then(|_| words.clone().next())
            && INDEXES.iter().all(|(name, _)| *name != word)
        {
            return Self::Other(word.to_owned());
        }
        let known = words.find_map(|word| INDEXES.iter().find(|(name, _)| *name == word));
        known.map_or_else(|| Self::Other(String::new()), |(_, key)| key.clone())
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{RawDocumentBuf, doc};

    use super::*;

    fn of_code(code: i32, message: &str) -> DaoError {
        DaoError::of_code(code, "", message, &[])
    }

    #[test]
    fn index_name_tells_what_is_duplicate() {
        let of = |rest: &str| {
            DuplicateKey::of(
                &[],
                &format!(
                    "E11000 duplicate key error collection: atlas.{rest} dup key: {{ a: \" index: call_id_unique dup key\" }}"
                ),
            )
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
    fn key_pattern_tells_what_is_duplicate_before_the_text() {
        for (field, message, key) in [
            (
                "email_lower",
                "23505: violates a constraint",
                DuplicateKey::Email,
            ),
            (
                "email",
                "index: call_id_unique dup key",
                DuplicateKey::Email,
            ),
            ("idempotency_scope", "", DuplicateKey::IdempotencyScope),
            ("call_id", "Duplicate key violation", DuplicateKey::CallId),
            (
                "twilio_sid",
                "Duplicate key violation",
                DuplicateKey::CallSid,
            ),
            (
                "twilio_sid",
                "E11000 duplicate key error collection: atlas.recordings index: x dup key: {}",
                DuplicateKey::RecordingSid,
            ),
            ("number", "", DuplicateKey::Other("number".into())),
        ] {
            let in_write_error = doc! { "ok": 1, "writeErrors": [
                { "index": 0, "code": 11_000, "errmsg": message, "keyPattern": { field: 1 }, "keyValue": { field: "ada" } },
            ] };
            let in_command =
                doc! { "ok": 0, "code": 11_000, "errmsg": message, "keyPattern": { field: 1 } };
            for reply in [in_write_error, in_command] {
                let reply = RawDocumentBuf::try_from(&reply).unwrap();
                let fields = violated_fields(&reply);
                assert_eq!(DuplicateKey::of(&fields, message), key, "{field} {message}");
            }
        }
    }

    #[test]
    fn duplicate_is_recognised_in_other_engines_texts() {
        for (message, key) in [
            (
                "Duplicate key violation on the requested collection: Index 'email_lower_unique'",
                DuplicateKey::Email,
            ),
            (
                "E11000 duplicate key error collection: calls index: twilio_sid_unique",
                DuplicateKey::CallSid,
            ),
            (
                "E11000 duplicate key error collection: atlas.calls. Failed _id or unique index constraint.",
                DuplicateKey::Other(String::new()),
            ),
            ("", DuplicateKey::Other(String::new())),
        ] {
            for code in [11_000, 11_001, 12_582] {
                let error = of_code(code, message);
                assert!(
                    matches!(&error, DaoError::Duplicate(told) if *told == key),
                    "{message}: {error}"
                );
            }
        }
    }

    #[test]
    fn an_error_shows_no_value() {
        let error = of_code(
            11_000,
            "E11000 duplicate key error collection: a.users index: email_lower_unique dup key: { email_lower: \"ada@example.com\" }",
        );
        assert!(!format!("{error} {error:?}").contains("ada"));
        let error = of_code(
            8_000,
            "user is not allowed to do action [find] on [ada.users]",
        );
        assert!(!format!("{error} {error:?}").contains("ada"));
    }

    #[test]
    fn error_codes_are_classified() {
        let [transient, login, defect] = ["transient", "login", "defect"];
        for (class, codes) in [
            (
                transient,
                &[
                    6, 7, 24, 43, 50, 64, 89, 91, 100, 112, 133, 134, 146, 175, 189, 202, 246, 251,
                    262, 290, 365, 462, 9_001, 10_058, 10_107, 11_600, 11_601, 11_602, 13_388,
                    13_435, 13_436, 14_031, 16_500,
                ][..],
            ),
            (login, &[13, 18]),
            (
                defect,
                &[1, 2, 9, 14, 26, 59, 66, 72, 121, 292, 10_334, 40_415],
            ),
        ] {
            for &code in codes {
                let told = match of_code(code, "") {
                    DaoError::Unavailable(_) => transient,
                    DaoError::LoginRefused(_) => login,
                    DaoError::Internal(_) => defect,
                    DaoError::Duplicate(_) => "duplicate",
                };
                assert_eq!(told, class, "{code}");
            }
        }
    }

    #[test]
    fn atlas_error_is_classified_by_its_message() {
        let of = |message| DaoError::of_code(8_000, "AtlasError", message, &[]);
        for message in [
            "bad auth : authentication failed",
            "bad auth : Authentication failed.",
            "bad auth Authentication failed.",
            "user is not allowed to do action [find] on [test.users]",
            "not authorized on admin to execute command { create: \"x\" }",
        ] {
            let error = of(message);
            assert!(
                matches!(error, DaoError::LoginRefused(_)),
                "{message}: {error}"
            );
        }
        let full = of("you are over your space quota, using 512 MB of 512 MB");
        assert!(matches!(full, DaoError::Unavailable(_)), "{full}");
        assert_eq!(
            full.to_string(),
            "the database is unavailable: code 8000 AtlasError: over the cluster's space quota"
        );
        for message in [
            "",
            "error connecting to the cluster",
            "connection limit reached",
        ] {
            let error = of(message);
            assert!(
                matches!(error, DaoError::Unavailable(_)),
                "{message}: {error}"
            );
        }
        let error =
            of("$where is not allowed or the syntax is incorrect, see the Atlas documentation");
        assert!(matches!(error, DaoError::Internal(_)), "{error}");
    }
}
