//! twilio/mod.
