//! Range requests by RFC 9110, section 14, with one part at most.

use std::ops::Range;

use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, Method};

/// The part of a file that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The whole file: no `Range`, one that must or may be ignored, or several satisfiable ranges.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// No satisfiable range.
    Nothing,
}

/// Returns the part of a file of `size` bytes that a request asks for.
///
/// `Range` is ignored on other methods than GET and beside `If-Range`, because no file here has a validator.
pub(super) fn wanted(method: &Method, headers: &HeaderMap, size: u64) -> Wanted {
    let mut lines = headers.get_all(RANGE).iter();
    let header = match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().ok(),
        _ => None,
    };
    let header = header.filter(|_| method == Method::GET && !headers.contains_key(IF_RANGE));
    header
        .and_then(|header| parsed(header, size))
        .unwrap_or(Wanted::All)
}

/// `None` if the header is invalid or its unit is not bytes.
fn parsed(header: &str, size: u64) -> Option<Wanted> {
    let is_space = |c| c == ' ' || c == '\t';
    let (unit, set) = header.trim_matches(is_space).split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") || set.starts_with(is_space) {
        return None;
    }
    let specs = set.split(',').map(|spec| spec.trim_matches(is_space));
    let parts: Option<Vec<_>> = specs
        .filter(|spec| !spec.is_empty())
        .map(|spec| part(spec, size))
        .collect();
    let parts = parts.filter(|parts| !parts.is_empty())?;
    let mut satisfiable = parts.into_iter().filter(|part| *part != Wanted::Nothing);
    match (satisfiable.next(), satisfiable.next()) {
        (Some(part), None) => Some(part),
        (Some(_), Some(_)) => Some(Wanted::All),
        (None, _) => Some(Wanted::Nothing),
    }
}

/// What one range asks for; `None` if it is invalid.
fn part(spec: &str, size: u64) -> Option<Wanted> {
    let (first, last) = spec.split_once('-')?;
    let last = if last.is_empty() {
        None
    } else {
        Some(Number::parse(last)?)
    };
    if first.is_empty() {
        return Some(match last?.clamped() {
            0 => Wanted::Nothing,
            // `Content-Range` has no form for an empty file.
            _ if size == 0 => Wanted::All,
            suffix => Wanted::Part(size.saturating_sub(suffix)..size),
        });
    }
    let first = Number::parse(first)?;
    if last.is_some_and(|last| last < first) {
        return None;
    }
    let first = first.clamped();
    if first >= size {
        return Some(Wanted::Nothing);
    }
    let end = last.map_or(size, |last| last.clamped().saturating_add(1).min(size));
    Some(Wanted::Part(first..end))
}

/// A number of any length: the count of its significant digits, then those.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Number<'a>(usize, &'a str);

impl<'a> Number<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let digits = text.trim_start_matches('0');
        is_number.then_some(Self(digits.len(), digits))
    }

    /// The value, at most `u64::MAX`.
    fn clamped(self) -> u64 {
        match self.0 {
            0 => 0,
            _ => self.1.parse().unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const ENORMOUS: &str = "99999999999999999999999999999999999999999";

    fn of(range: &str, size: u64) -> Wanted {
        let headers = HeaderMap::from_iter([(RANGE, range.parse().unwrap())]);
        wanted(&Method::GET, &headers, size)
    }

    #[test]
    fn satisfiable_range_is_a_part() {
        for (range, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=5-", 5..10),
            ("bytes=8-99", 8..10),
            ("bytes=-2", 8..10),
            ("bytes=-10", 0..10),
            ("bytes=-99", 0..10),
            ("BYTES=007-0008", 7..9),
            (" bytes=1-2\t", 1..3),
            ("bytes=,1-2 ,\t,", 1..3),
            ("bytes=10-,1-2,-0", 1..3),
        ] {
            assert_eq!(of(range, 10), Wanted::Part(part), "{range}");
        }
        assert_eq!(of(&format!("bytes=2-{ENORMOUS}"), 10), Wanted::Part(2..10));
        assert_eq!(of(&format!("bytes=-{ENORMOUS}"), 10), Wanted::Part(0..10));
    }

    #[test]
    fn unsatisfiable_range_is_nothing() {
        for range in ["bytes=10-", "bytes=10-5000", "bytes=-0", "bytes=-00,11-"] {
            assert_eq!(of(range, 10), Wanted::Nothing, "{range}");
        }
        let beyond = format!("bytes={ENORMOUS}-{ENORMOUS}");
        assert_eq!(of(&beyond, 10), Wanted::Nothing);
        assert_eq!(of("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(of("bytes=-1", 0), Wanted::All);
    }

    #[test]
    fn invalid_foreign_and_manifold_ranges_are_ignored() {
        for range in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,5-2",
            "bytes=+1-2",
            "bytes=0x1-2",
            "bytes=1--2",
            "bytes=1",
            "bytes= 0-1",
            "bytes =0-1",
            "bytes=0 -1",
            "lines=0-1",
            "bytes=0-1,4-5",
            "bytes=0-1,0-1",
        ] {
            assert_eq!(of(range, 10), Wanted::All, "{range}");
        }
        let reversed = format!("bytes={ENORMOUS}9-{ENORMOUS}");
        assert_eq!(of(&reversed, 10), Wanted::All);
    }

    #[test]
    fn range_counts_for_get_alone_and_not_beside_if_range() {
        let mut headers = HeaderMap::from_iter([(RANGE, "bytes=0-1".parse().unwrap())]);
        assert_eq!(wanted(&Method::HEAD, &headers, 10), Wanted::All);
        assert_eq!(wanted(&Method::GET, &headers, 10), Wanted::Part(0..2));
        headers.insert(IF_RANGE, "\"a tag\"".parse().unwrap());
        assert_eq!(wanted(&Method::GET, &headers, 10), Wanted::All);
        headers.remove(IF_RANGE);
        headers.append(RANGE, "bytes=2-3".parse().unwrap());
        assert_eq!(wanted(&Method::GET, &headers, 10), Wanted::All);
    }

    proptest! {
        #[test]
        fn range_selects_the_positions_that_it_names(
            size in 0u64..12,
            specs in vec((proptest::option::of(0u64..15), proptest::option::of(0u64..15)), 1..4),
        ) {
            let text = |number: Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
            let set: Vec<_> = specs.iter().map(|(first, last)| format!("{}-{}", text(*first), text(*last))).collect();
            let is_invalid = specs.iter().any(|spec| match spec {
                (None, None) => true,
                (Some(first), Some(last)) => last < first,
                _ => false,
            });
            let named: Vec<Vec<u64>> = specs.iter().map(|spec| (0..size).filter(|at| match *spec {
                (Some(first), last) => first <= *at && last.is_none_or(|last| *at <= last),
                (None, suffix) => *at + suffix.unwrap_or_default() >= size,
            }).collect()).collect();
            let satisfiable: Vec<_> = named.iter().filter(|it| !it.is_empty()).collect();
            let empty_suffix = size == 0 && specs.iter().any(|spec| matches!(spec, (None, Some(1..))));
            let expected = match satisfiable.as_slice() {
                _ if is_invalid => Wanted::All,
                [] if empty_suffix => Wanted::All,
                [] => Wanted::Nothing,
                [one] => Wanted::Part(one[0]..one[one.len() - 1] + 1),
                _ => Wanted::All,
            };
            prop_assert_eq!(of(&format!("bytes={}", set.join(",")), size), expected);
        }
    }
}
