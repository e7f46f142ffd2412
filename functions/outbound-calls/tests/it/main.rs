//! The router of `outbound-calls`, in process: a real database, a simulated Twilio, Lambda events.

mod bad_input;
mod caps;
mod create;
mod database;
mod dialling;
mod hangup;
mod idempotency;
mod life;
mod read;
mod recordings;
mod support;
