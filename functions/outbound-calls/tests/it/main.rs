//! The router of `outbound-calls` in process, with a real database, a simulated Twilio and Lambda events.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod admission;
mod bad_input;
mod blocked;
mod cancel;
mod caps;
mod change;
mod conditional;
mod create;
mod database;
mod dial_refusals;
mod dialling;
mod fallback;
mod hangup;
mod hours;
mod idempotency;
mod life;
mod list;
mod metadata;
mod opt_out;
mod price;
mod query;
mod read;
mod recordings;
mod results;
mod rotation;
mod schedule;
mod sensitive;
mod series;
mod stats;
mod steps;
mod support;
mod switch;
mod transcripts;
mod transfer;
mod twilio_load;
mod voicemail;
mod voices;
