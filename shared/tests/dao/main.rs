//! The DAO against a real server: `OUTDIAL_TEST_MONGO_URI` names it. Each test has a database of its own.

#![expect(clippy::unwrap_used, reason = "a test whose helper fails has failed")]

mod admin;
mod admission;
mod blocked;
mod calls;
mod connecting;
mod convergence;
mod counters;
mod dialing;
mod dials;
mod erased;
mod explain;
mod failures;
mod indexes;
mod open_calls;
mod recordings;
mod recordings_at_once;
mod stats;
mod status;
mod steps;
mod support;
mod unreadable;
mod users;
mod webhooks;
