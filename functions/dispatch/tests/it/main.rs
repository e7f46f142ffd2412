//! Tests of the function `dispatch`, with a real database and a real queue.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod batches;
mod claims;
mod lease;
mod measured;
mod steps;
mod support;
