//! Response bodies of blocked numbers.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{BlockedNumber, rfc3339};

/// A number that is never called.
#[derive(Serialize, ToSchema)]
#[schema(as = BlockedNumber)]
pub struct BlockedNumberBody {
    /// Blocked number, in E.164 format.
    #[schema(example = "+12125550123")]
    pub phone_number: String,
    /// Reason for blocking the number, or null.
    #[schema(example = "asked not to be called again")]
    pub reason: Option<String>,
    /// Name of the API key that blocked the number.
    #[schema(example = "backend")]
    pub created_by: Option<String>,
    /// Time of blocking, in RFC 3339 format.
    #[schema(format = DateTime, example = "2026-01-02T03:04:05.678Z")]
    pub created_at: String,
}

impl From<BlockedNumber> for BlockedNumberBody {
    fn from(blocked: BlockedNumber) -> Self {
        Self {
            phone_number: blocked.number.as_str().to_owned(),
            reason: blocked.reason.map(|reason| reason.as_str().to_owned()),
            created_by: blocked.created_by,
            created_at: rfc3339(blocked.created_at),
        }
    }
}

/// A page of blocked numbers, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = BlockedNumberList)]
pub struct BlockedNumberList {
    /// Blocked numbers on this page.
    pub blocked_numbers: Vec<BlockedNumberBody>,
    /// Number of blocked numbers on all pages. Absent if the request had a `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub total: Option<u64>,
    /// The page's number, from 1. Absent if the request had a `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub page: Option<u32>,
    /// Maximum number of blocked numbers on a page.
    #[schema(example = 20)]
    pub page_size: u32,
    /// The `cursor` of the next page. Null on the last page.
    pub next_cursor: Option<String>,
}
