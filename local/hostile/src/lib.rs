//! Hostile input: what holds whatever comes in. The targets in `fuzz/` try to break it, and so does the smoke test.

mod cursor;
mod event;
mod json;
mod signature;
mod twiml;
mod webhook;

pub use cursor::cursor;
pub use event::event;
pub use json::json;
pub use signature::signature;
pub use twiml::twiml;
pub use webhook::webhook;

/// Takes any bytes, and panics where it does not hold.
pub type Property = fn(&[u8]);

/// Every property, by the name of its target.
pub const TARGETS: [(&str, Property); 6] = [
    ("signature", signature),
    ("webhook", webhook),
    ("twiml", twiml),
    ("cursor", cursor),
    ("json", json),
    ("event", event),
];

/// What the bytes stand for, in a structured form; short ones are made up with defaults.
fn read<'a, T: arbitrary::Arbitrary<'a>>(bytes: &'a [u8]) -> Option<T> {
    arbitrary::Unstructured::new(bytes).arbitrary().ok()
}
