//! Runs of `reconcile`, in process: a real database, and a simulated Twilio whose webhooks came to nothing.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

mod dials;
mod ends;
mod limits;
mod pace;
mod recordings;
mod support;
