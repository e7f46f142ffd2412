//! The simulator as its users meet it: over HTTP, with an application that answers its webhooks.

mod calls;
mod faults;
mod gather_and_record;
mod hangup;
mod inspect;
mod openapi;
mod recordings;
mod rest;
mod signature;
mod support;
mod twiml;
mod validation;
mod wav;
mod webhooks;
