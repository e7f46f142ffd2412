//! Response bodies of users.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{User, rfc3339};

/// A user: a person who can be called.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserBody {
    /// Unique identifier: 24 hexadecimal digits.
    #[schema(example = "65f0a1b2c3d4e5f601234567")]
    pub id: String,
    /// The person's name.
    #[schema(example = "Ada Lovelace")]
    pub name: String,
    /// The person's e-mail address.
    #[schema(example = "ada@example.com")]
    pub email: String,
    /// The person's phone number, in E.164 format.
    #[schema(example = "+12125550123")]
    pub phone_number: String,
    /// IANA time zone of the person. Calling hours apply in it. Null: the time zones of the called number or the default one apply.
    #[schema(example = "America/New_York")]
    pub time_zone: Option<String>,
    /// Name of the API key that created the user.
    #[schema(example = "backend")]
    pub created_by: Option<String>,
    /// Time of creation, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub created_at: String,
    /// Time of the last change, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub updated_at: String,
}

impl From<User> for UserBody {
    fn from(user: User) -> Self {
        Self {
            id: user.user_id().to_string(),
            name: user.name.as_str().to_owned(),
            email: user.email.as_str().to_owned(),
            phone_number: user.phone_number.as_str().to_owned(),
            time_zone: user.time_zone.map(|zone| zone.as_str().to_owned()),
            created_by: user.created_by,
            created_at: rfc3339(user.created_at),
            updated_at: rfc3339(user.updated_at),
        }
    }
}

/// A page of users, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = UserList)]
pub struct UserList {
    /// Users on this page.
    pub users: Vec<UserBody>,
    /// Number of users on all pages. Absent if the request had a `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub total: Option<u64>,
    /// The page's number, from 1. Absent if the request had a `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub page: Option<u32>,
    /// Maximum number of users on a page.
    #[schema(example = 20)]
    pub page_size: u32,
    /// The `cursor` of the next page. Null on the last page.
    pub next_cursor: Option<String>,
}
