//! The simulator as its users meet it: over HTTP, with an application that answers its webhooks.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod calls;
mod command_line;
mod data;
mod faults;
mod gather_and_record;
mod hangup;
mod inspect;
mod openapi;
mod recordings;
mod rest;
mod signature;
mod speaking;
mod support;
mod twiml;
mod validation;
mod wav;
mod webhooks;
