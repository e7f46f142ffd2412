//! Identifiers of calls, users and recordings: ours and Twilio's.

use std::{fmt, str::FromStr};

use bson::oid::ObjectId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{InvalidValue, checked_text};

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Creates a random id.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                match Uuid::try_parse(text) {
                    Ok(uuid) if text.len() == uuid::fmt::Hyphenated::LENGTH => Ok(Self(uuid)),
                    _ => Err(InvalidValue::new("must be a UUID with hyphens")),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

uuid_id!(
    /// The `call_id`: a UUID that exists before Twilio assigns its `CallSid`.
    CallId
);
uuid_id!(
    /// The id of a batch of calls: a UUID.
    BatchId
);

impl BatchId {
    /// The bytes of the UUID.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
}

impl CallId {
    /// The `_id` of the call's document, derived from the random bytes of the UUID. So finding it takes no database query.
    ///
    /// Calls of the earlier service have an unrelated `_id`.
    #[must_use]
    pub fn object_id(self) -> ObjectId {
        let bytes = self.0.into_bytes();
        let mut random = [0; 12];
        random[..6].copy_from_slice(&bytes[..6]);
        random[6..].copy_from_slice(&bytes[10..]);
        ObjectId::from_bytes(random)
    }

    /// The id of an attempt of the series that begins with the call `first`: a UUID of version 5. So creating an attempt twice
    /// creates it once.
    #[must_use]
    pub fn of_attempt(first: Self, attempt: u32) -> Self {
        Self(Uuid::new_v5(
            &first.0,
            format!("attempt-{attempt}").as_bytes(),
        ))
    }

    /// The id of the call to a recipient of a batch: a UUID of version 5. `recipient` is the recipient's `external_id` or
    /// number.
    #[must_use]
    pub fn of_recipient(batch: BatchId, recipient: &str) -> Self {
        Self(Uuid::new_v5(&batch.0, recipient.as_bytes()))
    }
}

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name(ObjectId);

        impl $name {
            /// Creates an id from the time and random bytes.
            #[must_use]
            pub fn generate() -> Self {
                Self(ObjectId::new())
            }

            /// The id as stored in the database.
            #[must_use]
            pub fn object_id(self) -> ObjectId {
                self.0
            }
        }

        impl From<ObjectId> for $name {
            fn from(id: ObjectId) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                ObjectId::parse_str(text)
                    .map(Self)
                    .map_err(|_| InvalidValue::new("must be 24 hexadecimal digits"))
            }
        }
    };
}

object_id!(
    /// The id of a user: an ObjectId, shown as 24 hexadecimal digits.
    UserId
);
object_id!(
    /// The id of a recording: an ObjectId, shown as 24 hexadecimal digits.
    RecordingId
);

macro_rules! twilio_sid {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        checked_text!(
            $(#[$doc])*
            $name,
            |text| is_sid(text, $prefix),
            concat!("must be ", $prefix, " followed by 32 hexadecimal digits")
        );
    };
}

fn is_sid(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix).unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

twilio_sid!(
    /// Twilio's id of a call.
    CallSid,
    "CA"
);
twilio_sid!(
    /// Twilio's id of a recording.
    RecordingSid,
    "RE"
);
twilio_sid!(
    /// Twilio's id of a transcript.
    TranscriptSid,
    "GT"
);
twilio_sid!(
    /// Twilio's id of an Intelligence service.
    ServiceSid,
    "GA"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_id_is_a_hyphenated_uuid_in_lower_case() {
        let id = CallId::generate();
        assert_eq!(id.to_string().parse::<CallId>().unwrap(), id);
        let upper = "6BA7B810-9DAD-11D1-80B4-00C04FD430C8"
            .parse::<CallId>()
            .unwrap();
        assert_eq!(upper.to_string(), "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        for bad in [
            "",
            "1",
            "6ba7b8109dad11d180b400c04fd430c8",
            "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}",
            "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        ] {
            assert!(bad.parse::<CallId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn object_id_derives_from_the_call_id() {
        let id: CallId = "00112233-4455-4677-8899-aabbccddeeff".parse().unwrap();
        assert_eq!(id.object_id().to_hex(), "001122334455aabbccddeeff");
    }

    #[test]
    fn sid_has_its_prefix_and_32_hexadecimal_digits() {
        assert!(
            "CA0123456789abcdef0123456789abcdef"
                .parse::<CallSid>()
                .is_ok()
        );
        for bad in [
            "",
            "CA",
            "RE0123456789abcdef0123456789abcdef",
            "CA0123456789abcdef0123456789abcdeg",
            "CA0123456789abcdef0123456789abcdef0",
        ] {
            assert!(bad.parse::<CallSid>().is_err(), "{bad}");
        }
        assert!(
            "RE0123456789abcdef0123456789abcdef"
                .parse::<RecordingSid>()
                .is_ok()
        );
    }

    #[test]
    fn object_id_has_24_hexadecimal_digits() {
        assert_eq!(
            "65f0a1b2c3d4e5f601234567"
                .parse::<UserId>()
                .unwrap()
                .to_string(),
            "65f0a1b2c3d4e5f601234567"
        );
        for bad in [
            "",
            "65f0a1b2c3d4e5f60123456",
            "65f0a1b2c3d4e5f60123456z",
            "../../etc",
        ] {
            assert!(bad.parse::<UserId>().is_err(), "{bad}");
        }
    }
}
