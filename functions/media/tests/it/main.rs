//! The audio of recordings from outside: Lambda events in, streams out, from a simulated Twilio.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

mod cors;
mod init;
mod ranges;
mod stream;
mod support;
mod urls;
