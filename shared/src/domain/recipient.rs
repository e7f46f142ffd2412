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
            Some(id) => format!("id:{}", id.as_str()),
            None => self.to_number.as_str().to_owned(),
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
