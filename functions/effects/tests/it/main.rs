//! Tests the function `effects` against a real database and a real queue.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod changes;
mod decisions;
mod messages;
mod next_attempt;
mod opt_out;
mod result;
mod support;
mod sweep;
mod words;
