//! The client of Twilio's REST API against a server that answers, stalls or breaks the connection as each test requires.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod account;
mod calls;
mod dial;
mod dial_failures;
mod lists;
mod recordings;
mod server;
mod support;
mod transcripts;
