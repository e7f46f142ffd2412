//! Webhooks that the database cannot take: into a real queue, and out of it again.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

mod replay;
mod spill;
mod support;
mod undelivered;
