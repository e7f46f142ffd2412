//! The router of `voice`, in process: a real database, and Lambda events as Twilio causes them.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

mod outage;
mod support;
mod voice;
