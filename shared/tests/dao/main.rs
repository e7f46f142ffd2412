//! Tests the DAO against the server at `OUTDIAL_TEST_MONGO_URI`. Each test has its own database.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod admin;
mod admission;
mod all_operations;
mod all_operations_batches;
mod all_operations_queue;
mod blocked;
mod callers;
mod calls;
mod change;
mod connecting;
mod convergence;
mod daily_caps;
mod daily_counters;
mod dial_queue;
mod dial_webhooks;
mod dialing;
mod dials;
mod effects;
mod erased;
mod explain;
mod failures;
mod indexes;
mod metadata;
mod next_attempt;
mod open_calls;
mod permits;
mod recordings;
mod recordings_at_once;
mod results;
mod stats;
mod status;
mod step_events;
mod steps;
mod support;
mod transcripts;
mod unreadable;
mod unreadable_lists;
mod users;
mod verdict;
mod webhooks;
