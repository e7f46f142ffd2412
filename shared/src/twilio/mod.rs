//! Twilio: its REST API, `TwiML`, and the signatures of its webhooks.

mod attempt;
mod calls;
mod client;
mod dial;
mod error;
mod inbound_url;
mod lists;
mod recordings;
mod rest;
mod signature;
mod speech_parts;
mod ssml;
mod transcripts;
mod twiml;
mod webhook_url;

pub use attempt::Timeouts;
pub use calls::{CALL_NOT_IN_PROGRESS, CallDetails};
pub use client::TwilioClient;
pub use dial::OutboundCall;
pub use error::{BuildError, TwilioError};
pub use inbound_url::{inbound_plays, inbound_url};
pub use signature::{Signed, form_pairs, sign};
pub use ssml::say_ssml;
pub use transcripts::{HeardSentences, TranscriptDetails};
pub use twiml::{
    Element, generate_twiml_response, hangup, response, say, say_and_hang_up, say_and_redirect,
    wait_and_redirect,
};
pub use webhook_url::{
    LANGUAGE, PRESSED, RETRY, answer_time, live_step, opt_out_key, plays_audio, query_pairs,
    step_retry, step_url, transfer_retry, voice_retry, with_answer_time, with_opt_out,
    without_audio,
};
