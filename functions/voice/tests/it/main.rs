//! The router of `voice`, in process, with a real database and Lambda events.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod calls;
mod inbound;
mod opt_out;
mod outage;
mod requests;
mod speech;
mod step_outage;
mod steps;
mod support;
mod transfer;
