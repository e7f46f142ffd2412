//! Data access: MongoDB. One method of [`Dao`] per question, and one atomic operation per change.
//!
//! Every call has a time limit, and writes wait for a majority. No error shows a document, a URI or a credential. Nothing here
//! knows HTTP.

pub mod admin;
mod blocked;
mod calls;
mod client;
mod cursor;
mod daily_caps;
mod dial_pipeline;
mod dialing;
mod error;
pub mod indexes;
mod page;
mod place_call;
mod reconcile;
mod recording_callbacks;
mod recording_pipeline;
mod recordings;
mod refusals;
mod stats;
mod status;
mod status_pipeline;
mod stored;
mod updates;
mod users;
mod voice;

pub use client::{CALL_TIMEOUT, Dao, with_deadline, within};
pub use cursor::{CallFilter, Cursor, List};
pub use daily_caps::{CapCheck, DailyCaps, number_counter, user_counter};
pub use dialing::DialingSwitch;
pub use error::{Cause, DaoError, DuplicateKey};
pub use page::{Page, PageRequest, Position};
pub use place_call::Callee;
pub use reconcile::{OpenCalls, ReconcileKind, ScanPosition};
pub use stats::CallStats;
pub use status::{Applied, StatusOutcome};
pub use stored::ERASED_AT;
pub use users::UserDeletion;
pub use voice::VoiceLookup;

use stored::{BLOCKED_NUMBERS, CALLS, COUNTERS, RECORDINGS, USERS, insert_once};
