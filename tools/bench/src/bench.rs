//! The context of all measurements: the running services, the Runtime API, and the settings of this run.

use std::path::PathBuf;
use std::process::Command;

use stack::Result;
use stack::workspace::Workspace;

use crate::environment::Environment;
use crate::fixture::Fixture;
use crate::runtime_api::RuntimeApi;

/// The function that returns a constant.
pub const FLOOR: &str = "floor";

/// The context of a measurement.
pub struct Bench {
    pub workspace: Workspace,
    pub fixture: Fixture,
    pub api: RuntimeApi,
    /// The folder of logs, flame graphs and the report.
    pub folder: PathBuf,
    /// Starts of each function.
    pub starts: usize,
    /// Timed requests of each route.
    pub requests: usize,
    /// Requests to each function in the measurement of memory.
    pub memory_requests: usize,
}

impl Bench {
    /// Starts an environment of a function with these variables.
    pub fn start(&self, function: &str, variables: &[(String, String)]) -> Result<Environment> {
        let command = Command::new(self.workspace.binary(function));
        self.run(command, function, variables)
    }

    /// Starts an environment with this command, which runs a function.
    pub fn run(
        &self,
        command: Command,
        function: &str,
        variables: &[(String, String)],
    ) -> Result<Environment> {
        Environment::start(&self.api, command, function, variables, &self.fixture.log)
    }
}
