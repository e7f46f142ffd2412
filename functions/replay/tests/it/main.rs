//! Webhooks during an outage of the database: into a real queue, and out of it.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod effects;
mod fallback;
mod opt_out;
mod replay;
mod spill;
mod support;
mod undelivered;
