//! Tests of `/batches`, each on a database of its own.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod add;
mod changes;
mod create;
mod csv;
mod ends;
mod faults;
mod idempotency;
mod list;
mod outage;
mod progress;
mod results;
mod steps;
mod support;
