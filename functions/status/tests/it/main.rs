//! The router of `status`, in process, with a real database, a simulated Twilio, and Lambda events.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod call_lookup;
mod callbacks;
mod effects;
mod hang_up;
mod machine;
mod rejected;
mod support;
