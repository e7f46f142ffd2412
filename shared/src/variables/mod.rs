//! Variables by name: those of the process, overlaid by those of the secret; trimmed and checked.
//!
//! [`config`](crate::config) parses them into types.

mod blanks;
mod error;
mod names;
mod process;
mod values;

pub(crate) use blanks::entries;
pub use blanks::trimmed;
pub use error::ConfigError;
pub(crate) use names::SDK_VARIABLES;
pub use names::{SECRET_VARIABLES, VARIABLES};
pub use process::{environment, variable};
pub use values::Values;
