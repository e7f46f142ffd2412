//! The router of `outbound-calls`, in process: a real database, a simulated Twilio, Lambda events.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

mod admission;
mod bad_input;
mod blocked;
mod caps;
mod create;
mod database;
mod dialling;
mod hangup;
mod hours;
mod idempotency;
mod known;
mod life;
mod list;
mod notes;
mod query;
mod read;
mod recordings;
mod rotation;
mod stats;
mod support;
mod switch;
mod voices;
