//! The functions and queues of the template, for everything that runs on this machine.

use std::sync::LazyLock;

use crate::template::{self, TEMPLATE};
pub use crate::template::{EventSource, Function, Queue};

/// The route that takes every path without a route of its own.
const DEFAULT_ROUTE: &str = "$default";

/// The end of a route that takes every path below a folder.
const ANY_BELOW: &str = "{proxy+}";

/// All functions, in the template's order.
pub static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(|| template::functions(TEMPLATE));

/// All queues, in the template's order.
pub static QUEUES: LazyLock<Vec<Queue>> = LazyLock::new(|| template::queues(TEMPLATE));

impl Function {
    /// The names of all functions, in the template's order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        FUNCTIONS.iter().map(|function| function.name)
    }

    /// The function that the gateway routes a path to.
    #[must_use]
    pub fn at(path: &str) -> &'static Self {
        let takes = |route: &&str| match route.strip_suffix(ANY_BELOW) {
            Some(folder) => path.starts_with(folder),
            None => path == *route,
        };
        let takes_by_default = |route: &&str| *route == DEFAULT_ROUTE;
        let with = |found: &dyn Fn(&&str) -> bool| {
            let mut functions = FUNCTIONS.iter();
            functions.find(|function| function.routes.iter().any(found))
        };
        with(&takes)
            .or_else(|| with(&takes_by_default))
            .unwrap_or(&FUNCTIONS[0])
    }

    /// A path of this function: any response to it shows that the function runs. `None` without HTTP.
    #[must_use]
    pub fn probe_path(&self) -> Option<&'static str> {
        match *self.routes.first()? {
            DEFAULT_ROUTE => Some("/health"),
            route => Some(route),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_is_routed_as_in_the_template() {
        for (path, function) in [
            ("/", "health"),
            ("/openapi.json", "health"),
            ("/users", "users"),
            ("/users/", "users"),
            ("/users/1/calls", "users"),
            ("/calls", "outbound-calls"),
            ("/calls/outbound", "outbound-calls"),
            ("/stats", "outbound-calls"),
            ("/recordings/1", "outbound-calls"),
            ("/blocked-numbers", "outbound-calls"),
            ("/blocked-numbers/%2B12125550123", "outbound-calls"),
            ("/twilio/voice", "voice"),
            ("/twilio/fallback", "fallback"),
            ("/twilio/status", "status"),
            ("/twilio/recording", "recording"),
            ("/media", "media"),
            ("/console", "console"),
            ("/console/", "console"),
            ("/console/1/main.js", "console"),
            ("/twilio/other", "health"),
            ("/twilio/voice/x", "health"),
            ("/media/x", "health"),
            ("/recordings", "health"),
            ("/consoles", "health"),
            ("/stats/x", "health"),
            ("//users", "health"),
            ("$default", "health"),
            ("*", "health"),
            ("", "health"),
        ] {
            assert_eq!(Function::at(path).name, function, "{path}");
        }
    }

    #[test]
    fn probe_path_reaches_its_function() {
        for function in FUNCTIONS.iter() {
            match function.probe_path() {
                Some(path) => assert_eq!(Function::at(path).name, function.name),
                None => assert!(function.routes.is_empty(), "{}", function.name),
            }
        }
    }
}
