//! Tests of the simulator over HTTP, with an application that responds to its webhooks.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod account_limits;
mod audio;
mod calls;
mod command_line;
mod connected_calls;
mod data_file;
mod dials;
mod documents;
mod faults;
mod gather_and_record;
mod hangup;
mod inbound;
mod inspection;
mod instructions;
mod machine_detection;
mod notifications;
mod number_zones;
mod openapi;
mod outage;
mod pace;
mod playback;
mod queueing;
mod recording_audio;
mod recording_control;
mod recordings;
mod repeated_calls;
mod rest;
mod rest_faults;
mod rest_lists;
mod restart;
mod signature;
mod support;
mod transcripts;
mod twiml;
mod validation;
mod wav;
mod webhook_retries;
mod webhooks;
