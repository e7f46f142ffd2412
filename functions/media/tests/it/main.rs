//! Tests the audio of recordings: Lambda events in, streams out, from a simulated Twilio.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod cors;
mod init;
mod ranges;
mod stream;
mod support;
mod urls;
