//! Operations that several functions share, or a function and an operator's command.
//!
//! A service uses the domain, the database and Twilio, but no HTTP requests or responses.

pub mod batches;
pub mod dialer;
pub mod double_dial;
pub mod effects;
pub mod hang_up;
pub mod machines;
pub mod place_call;
pub mod retries;
pub mod rules;
pub mod steps;
pub mod transcripts;
pub mod untaken;
pub mod waker;
