use std::{fmt, str::FromStr};

use deserr::{Deserr, MergeWithError};
use mongodb::bson::{DateTime, oid::ObjectId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InvalidValue, PhoneNumber, from_json_string, one_line};

/// A number that is never called: a document of `blocked_numbers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedNumber {
    /// The database's name of the document.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The number: unique.
    pub number: PhoneNumber,
    /// Why it is not called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<BlockReason>,
    /// The name of the API key that blocked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When it was blocked, UTC.
    pub created_at: DateTime,
}

/// The body of `POST /blocked-numbers`.
#[derive(Debug, Clone, Deserr, Serialize, ToSchema)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct BlockedNumberCreate {
    /// The number that must not be called.
    #[schema(value_type = String, pattern = r"^\+[1-9][0-9]{6,14}$", example = "+12125550123")]
    pub phone_number: PhoneNumber,
    /// Why, in your own words.
    #[deserr(default)]
    #[schema(value_type = Option<String>, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u001f\u007f-\u009f\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$", min_length = 1, max_length = 200, example = "asked not to be called again")]
    pub reason: Option<BlockReason>,
}

/// Why a number is not called: 1–200 characters, not all of them blank, and no control characters. It is trimmed.
///
/// It may tell of a person: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlockReason(String);

const REASON_MAX: usize = 200;

impl BlockReason {
    /// The reason as text.
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
    fn a_reason_is_trimmed_bounded_and_never_printed() {
        let reason: BlockReason = " asked us not to ".parse().unwrap();
        assert_eq!(reason.as_str(), "asked us not to");
        assert_eq!(format!("{reason:?}"), "BlockReason(***)");
        assert!("é".repeat(200).parse::<BlockReason>().is_ok());
        for bad in ["", "  ", "a\u{7}b", &"a".repeat(201)] {
            assert!(bad.parse::<BlockReason>().is_err(), "{bad}");
        }
    }
}
