//! Users.

use std::fmt;

use bson::{DateTime, oid::ObjectId};
use serde::{Deserialize, Serialize};

use super::{Email, PhoneNumber, TimeZone, UserId, UserName};

/// A person who can be called: a document of `users`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The document's id: [`UserId`] outside the database.
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The person's name.
    pub name: UserName,
    /// The e-mail address as the client wrote it.
    pub email: Email,
    /// [`Email::lower`] of `email`. Unique. Documents of the earlier service lack it until the indexes are created.
    #[serde(default)]
    pub email_lower: String,
    /// The person's phone number.
    pub phone_number: PhoneNumber,
    /// The person's time zone. Calling hours apply in it. If it is absent, the number's time zone or `DEFAULT_TIME_ZONE` counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
    /// Hash of the API key's name, the route and the idempotency key. Unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_scope: Option<String>,
    /// Hash of the request that came with the idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_hash: Option<String>,
    /// The name of the API key that created the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// When the user was created, UTC.
    pub created_at: DateTime,
    /// When the user was last changed, UTC.
    pub updated_at: DateTime,
}

impl User {
    /// The user's id.
    #[must_use]
    pub fn user_id(&self) -> UserId {
        self.id.into()
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("email", &self.email)
            .field("phone_number", &self.phone_number)
            .finish_non_exhaustive()
    }
}
