//! What the functions of outdial share: configuration, domain types, data access, the Twilio client, and HTTP.
//!
//! The modules know each other in one direction: [`domain`] knows nobody, [`dao`] and [`twilio`] know the domain,
//! [`queue`] and [`webhooks`] know these, [`http`] and [`boot`] know them all. Handlers live in the functions.

pub mod aws;
pub mod boot;
pub mod config;
pub mod dao;
pub mod domain;
pub mod http;
pub mod logs;
pub mod metrics;
pub mod queue;
pub mod secret;
pub mod tls;
pub mod twilio;
pub mod webhooks;
