//! Recipients of a batch.

use std::{fmt, str::FromStr};

use deserr::{Deserr, MergeWithError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    InvalidValue, Metadata, PhoneNumber, ScriptVariables, TimeZone, from_json_string, one_line,
};

/// A recipient of a batch: whom to call, and the values for the batch's template.
#[derive(Debug, Clone, PartialEq, Eq, Deserr, Serialize, ToSchema)]
#[deserr(deny_unknown_fields, where_predicate = __Deserr_E: MergeWithError<InvalidValue>)]
pub struct Recipient {
    /// Number to call, in E.164 format.
    #[schema(value_type = String, pattern = r"^\+[1-9][0-9]{6,14}$", example = "+12125550123")]
    pub to_number: PhoneNumber,
    /// Your own id of the recipient, unique in the batch. Without one, the number identifies the recipient.
    #[deserr(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u001f\u007f-\u009f\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000][^\u0000-\u001f\u007f-\u009f]*$", min_length = 1, max_length = 128, example = "customer-4711")]
    pub external_id: Option<ExternalId>,
    /// IANA time zone of the recipient, in which calling hours apply in place of the user's.
    #[deserr(default)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
    /// Values of the template's variables.
    #[deserr(default)]
    #[serde(skip_serializing_if = "ScriptVariables::is_empty")]
    #[schema(schema_with = super::script_variables::schema, required = false)]
    pub variables: ScriptVariables,
    /// The client's own key-value pairs of the call.
    #[deserr(default)]
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    #[schema(schema_with = super::request::metadata, required = false)]
    pub metadata: Metadata,
}

impl Recipient {
    /// The text that identifies the recipient in its batch. A number begins with `+`, so no id equals one.
    #[must_use]
    pub fn identity(&self) -> String {
        match &self.external_id {
            Some(id) => id.identity(),
            None => self.to_number.as_str().to_owned(),
        }
    }
}

/// Marks an invalid field. The fault is reported where the field was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidField;

/// A recipient of which some fields may be invalid. The other fields are checked nevertheless, so that one response has all faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientParts {
    /// [`Recipient::to_number`].
    pub to_number: Result<PhoneNumber, InvalidField>,
    /// [`Recipient::external_id`].
    pub external_id: Result<Option<ExternalId>, InvalidField>,
    /// [`Recipient::time_zone`].
    pub time_zone: Result<Option<TimeZone>, InvalidField>,
    /// [`Recipient::variables`].
    pub variables: Result<ScriptVariables, InvalidField>,
    /// [`Recipient::metadata`].
    pub metadata: Result<Metadata, InvalidField>,
}

impl RecipientParts {
    /// A recipient of which nothing can be read.
    pub const UNREADABLE: Self = Self {
        to_number: Err(InvalidField),
        external_id: Err(InvalidField),
        time_zone: Err(InvalidField),
        variables: Err(InvalidField),
        metadata: Err(InvalidField),
    };

    /// Returns [`Recipient::identity`], or `None` if a field that it needs is invalid.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        match (&self.external_id, &self.to_number) {
            (Ok(Some(id)), _) => Some(id.identity()),
            (Ok(None), Ok(number)) => Some(number.as_str().to_owned()),
            _ => None,
        }
    }

    /// Returns whether a field that is valid in both has different values.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> bool {
        fn differ<T: PartialEq>(
            one: &Result<T, InvalidField>,
            other: &Result<T, InvalidField>,
        ) -> bool {
            matches!((one, other), (Ok(one), Ok(other)) if one != other)
        }
        differ(&self.to_number, &other.to_number)
            || differ(&self.external_id, &other.external_id)
            || differ(&self.time_zone, &other.time_zone)
            || differ(&self.variables, &other.variables)
            || differ(&self.metadata, &other.metadata)
    }

    /// Returns the recipient, or `None` if a field is invalid.
    #[must_use]
    pub fn whole(self) -> Option<Recipient> {
        Some(Recipient {
            to_number: self.to_number.ok()?,
            external_id: self.external_id.ok()?,
            time_zone: self.time_zone.ok()?,
            variables: self.variables.ok()?,
            metadata: self.metadata.ok()?,
        })
    }
}

impl From<Recipient> for RecipientParts {
    fn from(recipient: Recipient) -> Self {
        Self {
            to_number: Ok(recipient.to_number),
            external_id: Ok(recipient.external_id),
            time_zone: Ok(recipient.time_zone),
            variables: Ok(recipient.variables),
            metadata: Ok(recipient.metadata),
        }
    }
}

/// A client's own id of a recipient: 1 to 128 characters, not blank, without control characters. It is trimmed.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalId(String);

const EXTERNAL_ID_MAX: usize = 128;

impl ExternalId {
    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn identity(&self) -> String {
        format!("id:{}", self.0)
    }
}

impl FromStr for ExternalId {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        one_line(text, EXTERNAL_ID_MAX).map(Self)
    }
}

/// Shows only the length: clients may use addresses as ids.
impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExternalId({} characters)", self.0.chars().count())
    }
}

from_json_string!(ExternalId);
