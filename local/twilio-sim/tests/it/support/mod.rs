//! A simulator and an application for the tests, each on its own port.

use std::time::Duration;

mod app;
mod data_file;
mod sim;

pub use app::{App, Hit, Reply, audio, no_content, redirect, status, twiml};
pub use data_file::{DataFile, Process};
pub use sim::{Sim, client};

/// The longest wait for anything.
pub const DEADLINE: Duration = Duration::from_secs(20);
pub const FROM: &str = "+15005550006";
pub const LISTENER: &str = "+12125551234";
pub const ALL_EVENTS: [(&str, &str); 4] = [
    ("StatusCallbackEvent", "initiated"),
    ("StatusCallbackEvent", "ringing"),
    ("StatusCallbackEvent", "answered"),
    ("StatusCallbackEvent", "completed"),
];
pub const GOODBYE: &str = "<Response><Say>Goodbye.</Say><Hangup/></Response>";
