//! The functions that answer HTTP requests, in this process: their routers, and their parts of the API document.

mod functions;

use std::collections::BTreeMap;

use axum::Router;
use lambda::Function;
use outdial::config::Settings;

pub use functions::{Error, HTTP_FUNCTIONS, HttpFunction};

/// The routers of all functions that answer HTTP requests, with the same settings.
#[derive(Clone)]
pub struct Routers(BTreeMap<&'static str, Router>);

impl Routers {
    /// Creates the routers.
    ///
    /// # Errors
    ///
    /// If a variable is missing or malformed.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let create = |function: &HttpFunction| Ok((function.name, (function.router)(settings)?));
        HTTP_FUNCTIONS
            .iter()
            .map(create)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The router of a function.
    ///
    /// # Panics
    ///
    /// If no function that answers HTTP requests has this name.
    pub fn router(&self, name: &str) -> &Router {
        let router = self.0.get(name);
        router.unwrap_or_else(|| panic!("{name} answers no HTTP requests"))
    }

    /// The router that the gateway routes a path to.
    ///
    /// # Panics
    ///
    /// If the template has a route to a function that is not in [`HTTP_FUNCTIONS`].
    pub fn at(&self, path: &str) -> &Router {
        self.router(Function::at(path).name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use lambda::FUNCTIONS;

    use super::*;

    #[test]
    fn every_function_with_a_route_is_here() {
        let routed = FUNCTIONS
            .iter()
            .filter(|function| !function.routes.is_empty());
        let routed: BTreeSet<_> = routed.map(|function| function.name).collect();
        let here: BTreeSet<_> = HTTP_FUNCTIONS
            .iter()
            .map(|function| function.name)
            .collect();
        assert_eq!(here, routed);
    }

    #[test]
    fn gateway_routes_each_documented_path_to_its_function() {
        for HttpFunction { name, document, .. } in HTTP_FUNCTIONS {
            let Some(document) = document else {
                continue;
            };
            let document = document();
            assert!(!document.paths.paths.is_empty(), "{name} documents no path");
            for path in document.paths.paths.keys() {
                assert_eq!(Function::at(path).name, *name, "{path}");
            }
        }
    }
}
