//! HTTP: what the routers of all functions share.
//!
//! Requests: callers, JSON bodies, path and query parameters, paging, idempotency keys. Responses: bodies by resource,
//! errors, conditional requests. [`with_common_layers`] surrounds every router.

mod auth;
mod bodies;
mod conditional;
mod idempotency;
mod json;
mod layers;
pub mod media_url;
pub mod openapi;
mod paging;
mod path;
mod problem;
mod query;

pub use auth::{
    Caller, CallsRead, CallsWrite, NumbersUnblock, Permission, UsersRead, UsersWrite, Visitor,
};
pub use bodies::*;
pub use conditional::{CSV, etag_matches, with_etags};
pub use idempotency::{key_reused, replayed};
pub use json::{FieldErrors, Json, has_media_type, parse_object, read_element, read_value};
pub(crate) use layers::request_id;
pub use layers::{BODY_MAX_BYTES, on_own_route, read_body, with_common_layers};
pub use paging::PageQuery;
pub use path::Id;
pub use problem::{FieldError, Problem, ProblemBody};
pub use query::NoParameters;
