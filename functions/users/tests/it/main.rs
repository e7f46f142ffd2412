//! Tests `/users`: Lambda events in, HTTP responses out, on a real database.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod bodies;
mod callers;
mod calls;
mod change;
mod create;
mod document;
mod idempotency;
mod init;
mod list;
mod outage;
mod query;
mod routes;
mod support;
