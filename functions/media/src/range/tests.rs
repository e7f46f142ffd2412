//! Tests that ranges follow RFC 9110.

use proptest::{collection::vec, option::of, prelude::*};

use super::*;

const ENORMOUS: &str = "99999999999999999999999999999999999999999";

fn selected(range: &str, length: u64) -> Selection {
    Ranges::parse(range).map_or(Selection::Whole, |ranges| ranges.select(length))
}

#[test]
fn satisfiable_range_is_a_part() {
    for (range, part) in [
        ("bytes=0-0", 0..=0),
        ("bytes=5-", 5..=9),
        ("bytes=8-99", 8..=9),
        ("bytes=-2", 8..=9),
        ("bytes=-10", 0..=9),
        ("bytes=-99", 0..=9),
        ("BYTES=007-0008", 7..=8),
        (" bytes=1-2\t", 1..=2),
        ("bytes=,1-2 ,\t,", 1..=2),
        ("bytes=10-,1-2,-0", 1..=2),
    ] {
        assert_eq!(selected(range, 10), Selection::Part(part), "{range}");
    }
    for (range, part) in [
        (format!("bytes=2-{ENORMOUS}"), 2..=9),
        (format!("bytes=-{ENORMOUS}"), 0..=9),
    ] {
        assert_eq!(selected(&range, 10), Selection::Part(part), "{range}");
    }
}

#[test]
fn unsatisfiable_range_is_rejected() {
    let enormous = format!("bytes={ENORMOUS}-{ENORMOUS}");
    for (range, length) in [
        ("bytes=10-", 10),
        ("bytes=-0", 10),
        ("bytes=-00,10-11,12-", 10),
        (&enormous, 10),
        ("bytes=0-", 0),
        ("bytes=-0", 0),
    ] {
        assert_eq!(selected(range, length), Selection::Unsatisfiable, "{range}");
    }
}

#[test]
fn invalid_and_multiple_ranges_get_the_whole_audio() {
    let reversed = format!("bytes={ENORMOUS}9-{ENORMOUS}");
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
        &reversed,
    ] {
        assert_eq!(selected(range, 10), Selection::Whole, "{range}");
    }
    assert_eq!(selected("bytes=-1", 0), Selection::Whole);
}

#[test]
fn range_is_forwarded_if_twilio_can_decide() {
    for (range, passed_on) in [
        ("Bytes= ", None),
        ("Bytes=00-01", Some("bytes=0-1")),
        ("bytes=2-", Some("bytes=2-")),
        ("bytes=, -3", Some("bytes=-3")),
        ("bytes=-0", None),
        ("bytes=0-1,2-3", None),
    ] {
        let sent = Ranges::parse(range).and_then(|ranges| ranges.upstream());
        assert_eq!(sent.as_deref(), passed_on, "{range}");
    }
    let open = Ranges::parse(&format!("bytes=2-{ENORMOUS}")).unwrap();
    assert_eq!(open.upstream().as_deref(), Some("bytes=2-"));
    let beyond = Ranges::parse(&format!("bytes={ENORMOUS}-")).unwrap();
    assert_eq!(beyond.upstream(), None);
}

/// Returns the audio in chunks of `chunk` bytes.
fn body(audio: &[u8], chunk: usize) -> Body {
    let chunks: Vec<_> = audio
        .chunks(chunk)
        .map(|bytes| Ok::<_, std::io::Error>(bytes.to_vec()))
        .collect();
    Body::from_stream(futures_util::stream::iter(chunks))
}

proptest! {
    #[test]
    fn cut_equals_a_naive_selection_of_bytes(
        length in 0u8..12,
        chunk in 1usize..6,
        specs in vec((of(0u64..15), of(0u64..15)), 1..4),
    ) {
        let audio: Vec<u8> = (0..length).collect();
        let text = |number: Option<u64>| number.map(|it| it.to_string()).unwrap_or_default();
        let set: Vec<_> = specs.iter().map(|(first, last)| format!("{}-{}", text(*first), text(*last))).collect();
        let is_valid = |spec: &(Option<u64>, Option<u64>)| match spec {
            (None, None) => false,
            (Some(first), Some(last)) => first <= last,
            _ => true,
        };
        let named = |spec: &(Option<u64>, Option<u64>)| -> Vec<u8> {
            let places = audio.iter().copied().filter(|byte| {
                let at = u64::from(*byte);
                match *spec {
                    (Some(first), last) => at >= first && last.is_none_or(|last| at <= last),
                    (None, suffix) => at + suffix.unwrap_or_default() >= u64::from(length),
                }
            });
            places.collect()
        };
        let parts: Vec<_> = specs.iter().map(named).filter(|part| !part.is_empty()).collect();
        let is_empty_suffix = audio.is_empty() && specs.iter().any(|spec| matches!(spec, (None, Some(1..))));
        let (status, expected) = match parts.as_slice() {
            _ if !specs.iter().all(is_valid) => (200, audio.clone()),
            [] if is_empty_suffix => (200, audio.clone()),
            [] => (416, Vec::new()),
            [part] => (206, part.clone()),
            _ => (200, audio.clone()),
        };
        let (answered, bytes) = match Ranges::parse(&format!("bytes={}", set.join(","))) {
            None => (200, audio.clone()),
            Some(ranges) => {
                let response = ranges.cut(length.into(), body(&audio, chunk));
                let status = response.status().as_u16();
                let bytes = futures_util::FutureExt::now_or_never(axum::body::to_bytes(response.into_body(), 100));
                (status, bytes.unwrap().unwrap().to_vec())
            }
        };
        prop_assert_eq!((answered, bytes), (status, expected));
    }
}
