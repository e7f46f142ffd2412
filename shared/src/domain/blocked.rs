//! Numbers on the block list.

use std::{fmt, str::FromStr};

use bson::{DateTime, oid::ObjectId};
use deserr::{Deserr, MergeWithError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InvalidValue, PhoneNumber, from_json_string, one_line};

/// A blocked number: a document of `blocked_numbers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedNumber {
    /// The document's `_id`.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The number: unique.
    pub number: PhoneNumber,
    /// Why the number is blocked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<BlockReason>,
    /// Name of the API key that blocked the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When the number was blocked, UTC.
    pub created_at: DateTime,
}

/// The body of `POST /blocked-numbers`.
#[derive(Debug, Clone, Deserr, Serialize, ToSchema)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct BlockedNumberCreate {
    /// The number that must not be called.
    #[schema(value_type = String, pattern = r"^\+[1-9][0-9]{6,14}$", example = "+12125550123")]
    pub phone_number: PhoneNumber,
    /// The reason, in your own words.
    #[deserr(default)]
    #[schema(value_type = Option<String>, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u001f\u007f-\u009f\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$", min_length = 1, max_length = 200, example = "asked not to be called again")]
    pub reason: Option<BlockReason>,
}

/// Why a number is blocked: 1–200 characters, trimmed, not all blank, without control characters.
///
/// `Debug` does not show it, because it may be personal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockReason(String);

const REASON_MAX: usize = 200;

impl BlockReason {
    /// Returns the reason as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BlockReason {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        one_line(text, REASON_MAX).map(Self)
    }
}

impl fmt::Debug for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockReason(***)")
    }
}

from_json_string!(BlockReason);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reason_is_trimmed_bounded_and_hidden_from_debug() {
        let reason: BlockReason = " asked us not to ".parse().unwrap();
        assert_eq!(reason.as_str(), "asked us not to");
        assert_eq!(format!("{reason:?}"), "BlockReason(***)");
        assert!("é".repeat(200).parse::<BlockReason>().is_ok());
        for bad in ["", "  ", "a\u{7}b", &"a".repeat(201)] {
            assert!(bad.parse::<BlockReason>().is_err(), "{bad}");
        }
    }
}
