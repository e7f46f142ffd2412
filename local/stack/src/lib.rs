//! The whole service on this machine: a database, a Twilio, and the functions behind a gateway.
//!
//! [`Stack::start`] starts all of it. The modules are its parts, for programs that combine them differently. A program that
//! starts child processes calls [`program::become_bound_child`] first and then [`program::run`].

pub mod build;
pub mod database;
pub mod environment;
pub mod functions;
pub mod http;
pub mod npm;
pub mod output;
pub mod prerequisites;
pub mod processes;
pub mod program;
pub mod queues;
mod running;
pub mod secrets;
pub mod simulator;
pub mod steps;
pub mod venv;
pub mod workspace;

pub use address::{ServerUri, free_port};
pub use running::{Plan, Stack, must_be_free, prepare, prepare_with_queues, run_events};

/// The result of a command. Its error is a text for a person.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
