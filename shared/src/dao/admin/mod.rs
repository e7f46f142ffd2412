//! Queries of the `outdial` command.
//!
//! They take the driver's handle ([`Dao::database`](super::Dao::database)). They have no deadline unless their comment names
//! one: an export or an erasure may read a whole collection. They read raw documents, so that one odd document stops nothing.

pub mod batches;
pub mod counters;
mod document;
pub mod erase;
pub mod export;
pub mod import;
mod presence;
pub mod queue;
pub mod waiting;

pub use document::{StoredDocument, StoredDocuments};
pub use presence::{Presence, list_others, presence};
