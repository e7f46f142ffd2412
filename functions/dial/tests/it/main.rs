//! Tests of the function `dial`, with a real database and a simulated Twilio.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod dials;
mod odd;
mod refusals;
mod rules;
mod support;
