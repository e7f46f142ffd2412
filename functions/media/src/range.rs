//! `Range` requests (RFC 9110, section 14): which bytes a request asks for, and how they are cut out of the audio.

use std::ops::RangeInclusive;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt, future};
use http::{HeaderMap, Method, StatusCode, header};
use outdial::http::Problem;

/// The longest possible audio. Larger numbers in a range are reduced to this.
const LONGEST: u64 = i64::MAX.unsigned_abs();

/// One range of a `Range` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spec {
    /// `first-last` or `first-`, both inclusive.
    From { first: u64, last: u64 },
    /// `-length`: that many bytes from the end.
    Suffix(u64),
}

impl Spec {
    /// Parses one range; `None` for an invalid one.
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        if first.is_empty() {
            return Some(Self::Suffix(number(significant(last)?)));
        }
        let first = significant(first)?;
        if last.is_empty() {
            return Some(Self::From {
                first: number(first),
                last: LONGEST,
            });
        }
        let last = significant(last)?;
        // Compared as texts, because a number may have any length.
        let is_reversed = (last.len(), last) < (first.len(), first);
        (!is_reversed).then(|| Self::From {
            first: number(first),
            last: number(last),
        })
    }

    /// The bytes of a body of that length, `None` if the range is not satisfiable.
    fn within(self, length: u64) -> Option<RangeInclusive<u64>> {
        let end = length.checked_sub(1)?;
        match self {
            Self::From { first, last } => (first <= end).then(|| first..=last.min(end)),
            Self::Suffix(0) => None,
            Self::Suffix(wanted) => Some(length.saturating_sub(wanted)..=end),
        }
    }
}

/// The digits of a number without leading zeros, `None` if there is anything else.
fn significant(text: &str) -> Option<&str> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.trim_start_matches('0'))
}

fn number(significant: &str) -> u64 {
    if significant.is_empty() {
        return 0;
    }
    // A number that does not fit counts as the largest.
    significant.parse().unwrap_or(LONGEST).min(LONGEST)
}

/// The part of the body to return.
#[derive(Debug, PartialEq, Eq)]
enum Selection {
    /// 200: the whole body.
    Whole,
    /// 206: these bytes.
    Part(RangeInclusive<u64>),
    /// 416: no range is satisfiable.
    Unsatisfiable,
}

/// The ranges of a valid `Range` header in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<Spec>);

impl Ranges {
    /// Returns the ranges that a request asks for, or `None` if it gets the whole body.
    ///
    /// `Range` applies to GET only. It is ignored if it is invalid (reversed ranges included), if its unit is not bytes, and with
    /// `If-Range`: audio has no validator, so that condition is never true.
    pub(crate) fn requested(method: &Method, headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(header::RANGE).iter();
        let line = lines.next()?;
        if method != Method::GET || lines.next().is_some() || headers.contains_key(header::IF_RANGE)
        {
            return None;
        }
        Self::parse(line.to_str().ok()?)
    }

    fn parse(header: &str) -> Option<Self> {
        let space = [' ', '\t'];
        let (unit, set) = header.trim_matches(space).split_once('=')?;
        if !unit.eq_ignore_ascii_case("bytes") || set.starts_with(space) {
            return None;
        }
        let elements = set.split(',').map(|element| element.trim_matches(space));
        let specs: Option<Vec<_>> = elements
            .filter(|element| !element.is_empty())
            .map(Spec::parse)
            .collect();
        specs.filter(|specs| !specs.is_empty()).map(Self)
    }

    /// Returns the `Range` header for Twilio, or `None` if the result depends on the length of the audio.
    pub(crate) fn upstream(&self) -> Option<String> {
        match *self.0.as_slice() {
            [Spec::From { first, last }] if last < LONGEST => Some(format!("bytes={first}-{last}")),
            [Spec::From { first, .. }] if first < LONGEST => Some(format!("bytes={first}-")),
            [Spec::Suffix(length)] if length > 0 => Some(format!("bytes=-{length}")),
            _ => None,
        }
    }

    /// Returns whether no range is satisfiable in a body of that length.
    pub(crate) fn miss(&self, length: u64) -> bool {
        self.select(length) == Selection::Unsatisfiable
    }

    /// One satisfiable range is served. Several get the whole body instead of a multipart answer, which RFC 9110 allows.
    fn select(&self, length: u64) -> Selection {
        let mut parts = self.0.iter().filter_map(|spec| spec.within(length));
        match (parts.next(), parts.next()) {
            (Some(part), None) => Selection::Part(part),
            (Some(_), Some(_)) => Selection::Whole,
            // A suffix of an empty body is the body, and `Content-Range` can't describe it.
            (None, _)
                if length == 0 && self.0.iter().any(|spec| matches!(spec, Spec::Suffix(1..))) =>
            {
                Selection::Whole
            }
            (None, _) => Selection::Unsatisfiable,
        }
    }

    /// Cuts the ranges out of a body of that length: 206, 200 or 416.
    pub(crate) fn cut(&self, length: u64, body: Body) -> Response {
        match self.select(length) {
            Selection::Whole => whole(length, body),
            Selection::Part(part) => partial(part, length, body),
            Selection::Unsatisfiable => {
                let content_range = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
                (content_range, Problem::range_not_satisfiable()).into_response()
            }
        }
    }
}

fn whole(length: u64, body: Body) -> Response {
    ([(header::CONTENT_LENGTH, length.to_string())], body).into_response()
}

fn partial(part: RangeInclusive<u64>, length: u64, body: Body) -> Response {
    let (start, end) = part.into_inner();
    let mut at = 0u64;
    let wanted = body
        .into_data_stream()
        .map(move |chunk| {
            chunk.map(|bytes| {
                let chunk_start = at;
                at += bytes.len() as u64;
                let clamp = |position: u64| {
                    let inside = position.saturating_sub(chunk_start).min(bytes.len() as u64);
                    usize::try_from(inside).unwrap_or(bytes.len())
                };
                (chunk_start > end, bytes.slice(clamp(start)..clamp(end + 1)))
            })
        })
        .take_while(|chunk| future::ready(!matches!(chunk, Ok((true, _)))))
        .map(|chunk| chunk.map(|(_, bytes)| bytes));
    (
        StatusCode::PARTIAL_CONTENT,
        [
            (
                header::CONTENT_RANGE,
                format!("bytes {start}-{end}/{length}"),
            ),
            (header::CONTENT_LENGTH, (end - start + 1).to_string()),
        ],
        Body::from_stream(wanted),
    )
        .into_response()
}

/// Returns the length from a 416's `Content-Range: bytes */length`, or `None` without such a header.
pub(crate) fn length_of_refused(headers: &HeaderMap) -> Option<u64> {
    let content_range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    content_range.strip_prefix("bytes */")?.parse().ok()
}

#[cfg(test)]
mod tests;
