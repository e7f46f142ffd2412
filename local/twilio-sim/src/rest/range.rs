//! `Range: bytes=…`, one range at most.

use std::ops::Range;

use http::HeaderMap;
use http::header::RANGE;
use http_range_header::parse_range_header;

/// How much of a file is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of it: no range, several, or one in a form that need not be understood.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that it does not have.
    Nothing,
}

/// What the headers want of a file of `size` bytes.
pub(super) fn wanted(headers: &HeaderMap, size: u64) -> Wanted {
    let header = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let Some(asked) = header.and_then(|text| parse_range_header(text).ok()) else {
        return Wanted::All;
    };
    match asked.validate(size).as_deref() {
        Ok([part]) => Wanted::Part(*part.start()..part.end() + 1),
        Ok(_) => Wanted::All,
        Err(_) => Wanted::Nothing,
    }
}
