//! Tests of byte ranges, against examples and against a simple model.

use http::header::{IF_RANGE, RANGE};
use http::{HeaderMap, Method};
use proptest::{collection::vec, prelude::*};

use super::{RequestedRange, requested_range};

const HUGE: &str = "99999999999999999999999999999999999999999";

fn range_of(range: &str, size: u64) -> RequestedRange {
    let headers = HeaderMap::from_iter([(RANGE, range.parse().unwrap())]);
    requested_range(&Method::GET, &headers, size)
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
        assert_eq!(range_of(range, 10), RequestedRange::Part(part), "{range}");
    }
    assert_eq!(
        range_of(&format!("bytes=2-{HUGE}"), 10),
        RequestedRange::Part(2..10)
    );
    assert_eq!(
        range_of(&format!("bytes=-{HUGE}"), 10),
        RequestedRange::Part(0..10)
    );
}

#[test]
fn range_beyond_the_end_is_unsatisfiable() {
    for range in ["bytes=10-", "bytes=10-5000", "bytes=-0", "bytes=-00,11-"] {
        assert_eq!(
            range_of(range, 10),
            RequestedRange::Unsatisfiable,
            "{range}"
        );
    }
    let beyond = format!("bytes={HUGE}-{HUGE}");
    assert_eq!(range_of(&beyond, 10), RequestedRange::Unsatisfiable);
    assert_eq!(range_of("bytes=0-", 0), RequestedRange::Unsatisfiable);
    assert_eq!(range_of("bytes=-1", 0), RequestedRange::WholeFile);
}

#[test]
fn invalid_range_unknown_unit_and_several_ranges_are_ignored() {
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
        assert_eq!(range_of(range, 10), RequestedRange::WholeFile, "{range}");
    }
    let reversed = format!("bytes={HUGE}9-{HUGE}");
    assert_eq!(range_of(&reversed, 10), RequestedRange::WholeFile);
}

#[test]
fn range_counts_only_for_get_without_if_range() {
    let mut headers = HeaderMap::from_iter([(RANGE, "bytes=0-1".parse().unwrap())]);
    assert_eq!(
        requested_range(&Method::HEAD, &headers, 10),
        RequestedRange::WholeFile
    );
    assert_eq!(
        requested_range(&Method::GET, &headers, 10),
        RequestedRange::Part(0..2)
    );
    headers.insert(IF_RANGE, "\"a tag\"".parse().unwrap());
    assert_eq!(
        requested_range(&Method::GET, &headers, 10),
        RequestedRange::WholeFile
    );
    headers.remove(IF_RANGE);
    headers.append(RANGE, "bytes=2-3".parse().unwrap());
    assert_eq!(
        requested_range(&Method::GET, &headers, 10),
        RequestedRange::WholeFile
    );
}

proptest! {
    #[test]
    fn range_selects_the_bytes_that_it_names(
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
            _ if is_invalid => RequestedRange::WholeFile,
            [] if empty_suffix => RequestedRange::WholeFile,
            [] => RequestedRange::Unsatisfiable,
            [one] => RequestedRange::Part(one[0]..one[one.len() - 1] + 1),
            _ => RequestedRange::WholeFile,
        };
        prop_assert_eq!(range_of(&format!("bytes={}", set.join(",")), size), expected);
    }
}
