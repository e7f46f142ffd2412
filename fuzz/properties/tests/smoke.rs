//! Runs every fuzz target for ten seconds on a stable compiler: its corpus first, then random changes of the corpus.
//!
//! `FUZZ_SECONDS` sets the time. A failure prints the `FUZZ_SEED` that reproduces it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    panic::catch_unwind,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use fastrand::Rng;
use fuzz_properties::{Property, TARGETS};

const SECONDS_DEFAULT: u64 = 10;
const INPUT_MAX_BYTES: usize = 4_096;

#[test]
fn every_property_holds_for_ten_seconds() {
    let time = Duration::from_secs(variable("FUZZ_SECONDS").unwrap_or(SECONDS_DEFAULT));
    let tries = thread::scope(|scope| {
        let running =
            TARGETS.map(|(name, property)| scope.spawn(move || smoke(name, property, time)));
        running.map(|target| {
            target
                .join()
                .unwrap_or_else(|_| Err("can't be started".into()))
        })
    });
    for ((name, _), tried) in TARGETS.into_iter().zip(&tries) {
        println!("{name:<10} {tried:?}");
    }
    assert!(tries.iter().all(|tried| matches!(tried, Ok(100..))));
}

#[test]
fn corpora_are_small() {
    for (name, _) in TARGETS {
        let corpus = corpus(name);
        let bytes: usize = corpus.iter().map(Vec::len).sum();
        assert!((1..=40).contains(&corpus.len()), "{name}: {}", corpus.len());
        assert!(bytes <= 65_536, "{name}: {bytes} bytes");
    }
}

/// Returns how many inputs were tried.
///
/// # Errors
///
/// The first input that violates the property.
fn smoke(name: &str, property: Property, time: Duration) -> Result<u64, String> {
    let begun = Instant::now();
    let corpus = corpus(name);
    for input in &corpus {
        holds(property, input).map_err(|()| format!("in the corpus: {}", input.escape_ascii()))?;
    }
    // Each seed makes one input.
    let chosen = variable("FUZZ_SEED");
    let first = chosen.unwrap_or_else(|| fastrand::u64(..));
    for (seed, tries) in (first..).zip(1..) {
        let input = input(&corpus, &mut Rng::with_seed(seed));
        holds(property, &input)
            .map_err(|()| format!("FUZZ_SEED={seed}: {}", input.escape_ascii()))?;
        if begun.elapsed() > time {
            return Ok(tries);
        }
    }
    Ok(u64::MAX)
}

fn holds(property: Property, input: &[u8]) -> Result<(), ()> {
    catch_unwind(|| property(input)).map_err(drop)
}

/// Returns a file of the corpus with a few random changes, or random bytes.
fn input(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = rng.choice(corpus).cloned().unwrap_or_default();
    if rng.u8(..16) == 0 {
        input = (0..rng.usize(..256)).map(|_| rng.u8(..)).collect();
    }
    // An input with few changes mostly gets furthest through the code.
    for _ in 0..1 << rng.u8(..4) >> 1 {
        let place = rng.usize(..=input.len());
        let end = rng.usize(place..=input.len().min(place + 32));
        match rng.u8(..6) {
            0 => drop(input.drain(place..end)),
            1 => input.insert(place, rng.u8(b' '..=b'~')),
            2 => input
                .splice(place..end, rng.choice(TROUBLESOME).unwrap().bytes())
                .for_each(drop),
            3 => {
                let other = rng.choice(corpus).map_or(&[][..], Vec::as_slice);
                let from = rng.usize(..=other.len());
                input.splice(place.., other[from..].iter().copied());
            }
            4 => input.extend_from_within(place..end),
            _ => {
                if let Some(byte) = input.get_mut(place) {
                    *byte ^= 1 << rng.u8(..8);
                }
            }
        }
    }
    input.truncate(INPUT_MAX_BYTES);
    input
}

/// Texts that often break parsers.
const TROUBLESOME: &[&str] = &[
    "\0",
    "\u{7f}",
    "\u{FFFE}",
    "\u{1F600}",
    "\u{202E}",
    "\r\n",
    "%00",
    "%",
    "&&",
    "==",
    "]]>",
    "<!--",
    "&amp;",
    "\"",
    "\\u0000",
    "\\ud800",
    "null",
    "1e999",
    "-1",
    "9223372036854775808",
    "[]",
    "{}",
    "{\"\":",
    "/../",
    "//",
    "?",
    "#",
    "@",
    "https://",
    "+1",
    "é",
    "true",
];

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../corpus")
        .join(name);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| fs::read(path).unwrap())
        .collect()
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} must be a whole number")),
    )
}
