//! Tests `fallback`, which has neither a database nor a secret.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod queue;
mod support;
