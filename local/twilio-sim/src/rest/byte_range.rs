//! Range requests (RFC 9110, section 14), with at most one part.

use std::ops::Range;

use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, Method};

/// The part of a file that a request wants.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RequestedRange {
    /// The whole file: there is no `Range`, it is ignored, or it names several satisfiable ranges.
    WholeFile,
    /// These bytes.
    Part(Range<u64>),
    /// No range is satisfiable.
    Unsatisfiable,
}

/// Returns the part of a file of `size` bytes that a request wants.
///
/// `Range` counts only for GET. With `If-Range` it is ignored, because no file here has a validator.
pub(super) fn requested_range(method: &Method, headers: &HeaderMap, size: u64) -> RequestedRange {
    let mut lines = headers.get_all(RANGE).iter();
    let header = match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().ok(),
        _ => None,
    };
    let header = header.filter(|_| method == Method::GET && !headers.contains_key(IF_RANGE));
    header
        .and_then(|header| parse_header(header, size))
        .unwrap_or(RequestedRange::WholeFile)
}

/// Parses a header. Returns `None` if it is invalid or its unit is not bytes.
fn parse_header(header: &str, size: u64) -> Option<RequestedRange> {
    let is_space = |c| c == ' ' || c == '\t';
    let (unit, set) = header.trim_matches(is_space).split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") || set.starts_with(is_space) {
        return None;
    }
    let specs = set.split(',').map(|spec| spec.trim_matches(is_space));
    let parts: Option<Vec<_>> = specs
        .filter(|spec| !spec.is_empty())
        .map(|spec| parse_spec(spec, size))
        .collect();
    let parts = parts.filter(|parts| !parts.is_empty())?;
    let mut satisfiable = parts
        .into_iter()
        .filter(|part| *part != RequestedRange::Unsatisfiable);
    match (satisfiable.next(), satisfiable.next()) {
        (Some(part), None) => Some(part),
        (Some(_), Some(_)) => Some(RequestedRange::WholeFile),
        (None, _) => Some(RequestedRange::Unsatisfiable),
    }
}

/// Parses one range. Returns `None` if it is invalid.
fn parse_spec(spec: &str, size: u64) -> Option<RequestedRange> {
    let (first, last) = spec.split_once('-')?;
    let last = if last.is_empty() {
        None
    } else {
        Some(Number::parse(last)?)
    };
    if first.is_empty() {
        return Some(match last?.clamped() {
            0 => RequestedRange::Unsatisfiable,
            // `Content-Range` can't describe a part of an empty file.
            _ if size == 0 => RequestedRange::WholeFile,
            suffix => RequestedRange::Part(size.saturating_sub(suffix)..size),
        });
    }
    let first = Number::parse(first)?;
    if last.is_some_and(|last| last < first) {
        return None;
    }
    let first = first.clamped();
    if first >= size {
        return Some(RequestedRange::Unsatisfiable);
    }
    let end = last.map_or(size, |last| last.clamped().saturating_add(1).min(size));
    Some(RequestedRange::Part(first..end))
}

/// A number of any length: the count of its significant digits, then the digits, so that comparing works.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Number<'a>(usize, &'a str);

impl<'a> Number<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let digits = text.trim_start_matches('0');
        is_number.then_some(Self(digits.len(), digits))
    }

    /// The value, or `u64::MAX` if it is larger.
    fn clamped(self) -> u64 {
        match self.0 {
            0 => 0,
            _ => self.1.parse().unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests;
