//! Tests `/health`, the API document and its viewer: Lambda events in, HTTP responses out.

#![expect(clippy::unwrap_used, reason = "a helper that fails must fail the test")]

mod docs;
mod document;
mod examples;
mod health;
mod init;
mod rest;
