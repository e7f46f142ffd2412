//! `outdial batch`: the functions' binaries behind a gateway, with queues and the simulated Twilio.

mod control;
mod faults;
mod runs;
mod service;
