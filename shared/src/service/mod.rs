//! Operations that several functions share, or a function and an operator's command.
//!
//! A service uses the domain, the database and Twilio, but no HTTP requests or responses.

pub mod double_dial;
pub mod hang_up;
pub mod place_call;
pub mod rules;
