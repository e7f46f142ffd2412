//! Tests the steps of calls: how they are read, where they lead, and the TwiML that plays them.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod faults;
mod flow;
mod heaviest;
mod plain_text;
mod result;
mod schema;
mod support;
mod twiml;
