//! Runs of `reconcile`, in process, with a real database and a simulated Twilio whose webhooks are lost.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod dials;
mod effects;
mod ends;
mod limits;
mod pace;
mod queue_time;
mod recordings;
mod support;
mod transcripts;
