//! `/users` from outside: Lambda events in, answers out, on a real database.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

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
