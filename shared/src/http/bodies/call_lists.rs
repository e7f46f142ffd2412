//! Response bodies of lists of calls.

use serde::Serialize;
use utoipa::ToSchema;

use super::CallBody;

/// A page of a user's calls, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = CallList)]
pub struct CallList {
    /// Calls on this page.
    pub calls: Vec<CallBody>,
    /// Number of calls on all pages. Absent if the request had a `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub total: Option<u64>,
    /// The page's number, from 1. Absent if the request had a `cursor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub page: Option<u32>,
    /// Maximum number of calls on a page.
    #[schema(example = 20)]
    pub page_size: u32,
    /// The `cursor` of the next page. Null on the last page.
    pub next_cursor: Option<String>,
}

/// A page of the calls of all users, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = CallPage)]
pub struct CallPage {
    /// Calls on this page.
    pub calls: Vec<CallBody>,
    /// Maximum number of calls on a page.
    #[schema(example = 20)]
    pub page_size: u32,
    /// The `cursor` of the next page. Null on the last page.
    pub next_cursor: Option<String>,
}
