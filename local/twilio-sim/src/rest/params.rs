//! The parameters of a form or query, and Twilio's rules for their values.

use std::time::Duration;

use super::error::RestError;
use crate::sim::Sim;
use crate::webhook::WebhookTarget;

/// The decoded parameters, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(pub(super) Vec<(String, String)>);

impl Params {
    /// Decodes a form or query.
    pub(super) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// Returns the last value of a parameter, or `None` if it is missing or empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .rev()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Returns true if the parameter is present, even if it is empty.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own == name)
    }

    /// Returns all non-empty values of a parameter.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(own, value)| own == name && !value.is_empty())
            .map(|(_, value)| value.clone())
            .collect()
    }

    /// Reads a method parameter: true for GET, false for POST, which is the default.
    fn is_get(&self, name: &str) -> Result<bool, RestError> {
        match self.get(name).map(str::to_ascii_uppercase).as_deref() {
            None | Some("POST") => Ok(false),
            Some("GET") => Ok(true),
            Some(other) => Err(RestError::bad(
                21209,
                format!("{name} is not a valid HTTP method: {other}"),
            )),
        }
    }

    /// Reads the URL and method of a webhook. `code` is the error for an unreachable URL.
    pub(super) fn webhook_target(
        &self,
        sim: &Sim,
        url: &str,
        method: &str,
        code: u32,
    ) -> Result<Option<WebhookTarget>, RestError> {
        let get = self.is_get(method)?;
        let Some(value) = self.get(url) else {
            return Ok(None);
        };
        if !is_reachable(value, sim.config.strict_urls) {
            return Err(RestError::bad(
                code,
                format!("{url} is not a valid URL: {value}"),
            ));
        }
        Ok(Some(WebhookTarget {
            url: value.to_owned(),
            get,
        }))
    }

    /// Reads whole seconds within `range`. `code` is the error for another value.
    pub(super) fn seconds(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
        code: u32,
    ) -> Result<Option<Duration>, RestError> {
        let seconds = self.number(name, range, code)?;
        Ok(seconds.map(Duration::from_secs))
    }

    /// Reads a whole number within `range`. `code` is the error for another value.
    pub(super) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
        code: u32,
    ) -> Result<Option<u64>, RestError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(RestError::bad(code, format!("{name} is not valid: {text}"))),
        }
    }

    /// Reads `true` or `false`, in any case. The default is false.
    pub(super) fn flag(&self, name: &str) -> Result<bool, RestError> {
        match self.get(name).map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(RestError::bad(
                20001,
                format!("{name} must be true or false, not {other}"),
            )),
        }
    }

    /// Reads one of `words`, in any case. The default is the first one.
    pub(super) fn one_of(
        &self,
        name: &str,
        words: &[&'static str],
    ) -> Result<&'static str, RestError> {
        let Some(text) = self.get(name) else {
            return Ok(words[0]);
        };
        let known = words.iter().find(|word| word.eq_ignore_ascii_case(text));
        known
            .copied()
            .ok_or_else(|| RestError::bad(20001, format!("{name} is not valid: {text}")))
    }
}

/// Returns true if Twilio accepts a URL. The scheme must be http or https, and the host must not have underscores.
///
/// With `strict`, the scheme must be https and the host must be another machine.
fn is_reachable(text: &str, strict: bool) -> bool {
    let Ok(url) = url::Url::parse(text) else {
        return false;
    };
    let local = match url.host() {
        None => return false,
        Some(url::Host::Domain(name)) if name.contains('_') => return false,
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback() || ip.is_unspecified(),
    };
    match url.scheme() {
        "https" => !(strict && local),
        "http" => !strict,
        _ => false,
    }
}
