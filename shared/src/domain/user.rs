use std::fmt;

use mongodb::bson::{DateTime, oid::ObjectId};
use serde::{Deserialize, Serialize};

use super::{Email, PhoneNumber, TimeZone, UserId, UserName};

/// A person who is called: a document of `users`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The database's name of the document; outside it is [`UserId`].
    #[serde(rename = "_id")]
    pub id: ObjectId,
    /// The person's name.
    pub name: UserName,
    /// The address as it was given.
    pub email: Email,
    /// [`Email::lower`] of `email`: unique. Documents of the earlier service have none until the indexes are made.
    #[serde(default)]
    pub email_lower: String,
    /// The person's number.
    pub phone_number: PhoneNumber,
    /// Where the person is, by whose clocks they are called; where it is not known, `DEFAULT_TIME_ZONE` holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
    /// Hash of the API key's name, the route and the idempotency key: unique.
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
    /// The public name.
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
