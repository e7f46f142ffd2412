//! `cargo xtask chaos`: many calls under every fault, and whether anything was lost.

mod blows;
mod clients;
mod compare;
mod evidence;
mod faults;
mod plan;
mod report;
mod watch;
