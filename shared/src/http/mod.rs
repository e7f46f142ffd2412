//! What every function's router has in common: problem answers, JSON bodies, callers, paging, webhooks.

mod answer;
mod auth;
mod etag;
mod idempotency;
mod json;
mod layers;
pub mod media;
pub mod openapi;
mod paging;
mod path;
mod problem;
mod query;
mod webhook;

pub use answer::{
    BlockedNumberBody, BlockedNumberList, CallBody, CallList, CallPage, EventBody, MediaBody,
    RecordingBody, RecordingList, UserBody, UserList, rfc3339, twiml,
};
pub use auth::{
    Caller, CallsRead, CallsWrite, NumbersUnblock, Permission, UsersRead, UsersWrite, Visitor,
};
pub use etag::{names as names_tag, with_etags};
pub use idempotency::{Idempotency, replayed};
pub use json::{BODY_MAX_BYTES, FieldErrors, Json};
pub use layers::{on_own_route, with_common_layers};
pub use paging::PageQuery;
pub use path::Id;
pub use problem::{FieldError, Problem, ProblemBody};
pub use query::NoParameters;
pub use webhook::{SignatureCheck, SignedForm, WebhookReceiver};
