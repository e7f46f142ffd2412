//! The router of `recording`, in process, with a real database and Lambda events.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod call_lookup;
mod callbacks;
mod rejected;
mod support;
mod transcripts;
