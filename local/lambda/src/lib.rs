//! AWS Lambda and API Gateway on this machine.
//!
//! [`Gateway`] turns HTTP requests into events. [`Host`] runs the functions' binaries as execution environments, which poll a
//! Runtime API. An environment handles one event at a time; a function gets more environments as it needs them. [`Kills`] is a
//! seeded plan that kills environments during requests.

mod event;
mod functions;
mod gateway;
mod home_page;
mod host;
mod idle;
mod kills;
mod runtime_api;
mod template;
mod worker;

pub use functions::{FUNCTIONS, Function};
pub use gateway::Gateway;
pub use host::{Failure, Host, LambdaVariables, Options, StartProcess};
pub use kills::Kills;
