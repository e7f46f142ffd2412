//! Duplicate keys: which unique value already exists.

use std::fmt;

use mongodb::bson::RawDocument;

/// The unique value that already exists, according to the violated index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DuplicateKey {
    /// A user's e-mail address.
    Email,
    /// An idempotency key, with its API key and route.
    IdempotencyScope,
    /// A call's `call_id`.
    CallId,
    /// A call's `CallSid`.
    CallSid,
    /// A recording's `RecordingSid`.
    RecordingSid,
    /// The value of another index, with its name or fields. Empty if the server reports neither.
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

/// The fields of the violated unique index, from the `keyPattern` of the first failed write or, without one, of the command.
///
/// Empty if the server's reply has no `keyPattern`.
pub(super) fn violated_fields(reply: &RawDocument) -> Vec<String> {
    let first = reply.get_array("writeErrors").ok();
    let first = first.and_then(|errors| errors.into_iter().next()?.ok()?.as_document());
    let pattern = first.unwrap_or(reply).get_document("keyPattern");
    let fields = pattern.into_iter().flatten().flatten();
    fields.map(|(field, _)| field.to_string()).collect()
}

/// The names of our unique indexes, and the value that each holds.
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
    /// Identifies the value by the fields of the index, which are the same in all engines. Without fields, it parses the message.
    ///
    /// Only the message of `MongoDB` names the collection. With other engines, a recording's `twilio_sid` is reported as
    /// [`DuplicateKey::CallSid`].
    pub(super) fn of(fields: &[String], message: &str) -> Self {
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

    /// Identifies the value by the message.
    ///
    /// `MongoDB` names the index between two fixed words, before any value: `… index: NAME dup key: …`. In the messages of other
    /// engines, the first known index name before a document counts.
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
