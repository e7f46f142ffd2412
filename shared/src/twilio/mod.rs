//! Twilio: its REST API, the `TwiML` that we answer, the webhooks that it sends, and the proof that they are its own.

mod answer;
mod client;
mod dial;
mod lookup;
mod rest;
mod signature;
mod speech_parts;
mod twiml;
mod webhook;
mod webhook_url;

pub use client::{BuildError, CALL_NOT_IN_PROGRESS, CallDetails, TwilioClient, TwilioError};
pub use dial::OutboundCall;
pub use rest::Timeouts;
pub use signature::{Signed, sign};
pub use twiml::{
    Element, empty, generate_twiml_response, hangup, response, say_and_hang_up, wait_and_redirect,
};
pub use webhook::{InvalidForm, form_pairs, parse_recording, parse_status, parse_voice};
pub use webhook_url::voice_retry;
