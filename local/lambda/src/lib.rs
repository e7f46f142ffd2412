//! AWS Lambda and API Gateway on this machine.
//!
//! [`Gateway`] turns HTTP requests into events. [`Host`] runs the functions' binaries as execution environments, which poll a
//! Runtime API. An environment handles one event at a time; a function gets more environments as it needs them. [`Kills`] is a
//! seeded plan that kills environments during requests.
//!
//! [`Host::run_schedules`] invokes functions on schedule, and [`EventSourceMapping`] with the messages of an SQS queue.
//! [`Redeliveries`] is a seeded plan of messages that arrive late or twice.

mod event;
mod event_source_mapping;
mod functions;
mod gateway;
mod home_page;
mod host;
mod idle;
mod kills;
mod redeliveries;
mod runtime_api;
mod schedule;
mod sqs_event;
mod template;
mod worker;

pub use event_source_mapping::{Deliveries, EventSourceMapping, FirstDelivery};
pub use functions::{EventSource, FUNCTIONS, Function, QUEUES, Queue};
pub use gateway::Gateway;
pub use host::{Failure, Host, LambdaVariables, Options, StartProcess};
pub use kills::{Kill, Kills};
pub use redeliveries::Redeliveries;
pub use schedule::scheduled_event;
pub use sqs_event::sqs_event;

/// The region of everything on this machine.
pub const REGION: &str = "us-east-1";
/// The account of everything on this machine.
pub const ACCOUNT: &str = "123456789012";
