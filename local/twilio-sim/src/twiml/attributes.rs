//! Reading the attributes of a verb.

use std::time::Duration;

use super::verb::Action;
use super::xml::Element;

/// The attributes of an element. An invalid value adds a warning and counts as the default.
pub(super) struct Attributes<'a> {
    pub(super) element: &'a Element,
    pub(super) warnings: &'a mut Vec<String>,
}

impl Attributes<'_> {
    /// Reads a number.
    pub(super) fn count(&mut self, name: &str, default: u32) -> u32 {
        let Some(value) = self.element.attr(name) else {
            return default;
        };
        value.trim().parse().unwrap_or_else(|_| {
            self.warn(name, value);
            default
        })
    }

    /// Reads a number of seconds, or `auto` for the default.
    pub(super) fn seconds(&mut self, name: &str, default: u32) -> Duration {
        if self.element.attr(name) == Some("auto") {
            return Duration::from_secs(default.into());
        }
        Duration::from_secs(self.count(name, default).into())
    }

    /// Reads a URL and its method.
    pub(super) fn action(&mut self, url: &str, method: &str) -> Action {
        let url = self
            .element
            .attr(url)
            .filter(|url| !url.is_empty())
            .map(str::to_owned);
        Action {
            url,
            get: self.is_get(method),
        }
    }

    /// Reads a method: true for GET, false for POST, which is the default.
    pub(super) fn is_get(&mut self, name: &str) -> bool {
        let method = self.element.attr(name).unwrap_or("POST");
        if !matches!(method.to_ascii_uppercase().as_str(), "GET" | "POST") {
            self.warn(name, method);
        }
        method.eq_ignore_ascii_case("GET")
    }

    /// Adds a warning about an invalid value.
    pub(super) fn warn(&mut self, name: &str, value: &str) {
        self.warnings
            .push(format!("'{value}' is not a valid value of '{name}'"));
    }
}
