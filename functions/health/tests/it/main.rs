//! Health, the API document and its viewer from outside: Lambda events in, answers out.

#![expect(clippy::unwrap_used, reason = "what a helper cannot do fails the test")]

mod docs;
mod document;
mod health;
mod init;
mod rest;
