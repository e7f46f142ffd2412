//! Properties that hold for any input, however hostile. The fuzz targets in `fuzz/` and the smoke test try to violate
//! them.

mod cursor;
mod event;
mod json;
mod recipients;
mod signature;
mod ssml;
mod structured;
mod template;
mod twiml;
mod webhook;

pub use cursor::cursor;
pub use event::event;
pub use json::json;
pub use recipients::recipients;
pub use signature::signature;
pub use ssml::ssml;
pub use template::template;
pub use twiml::twiml;
pub use webhook::webhook;

/// A property: takes any bytes, and panics if they violate it.
pub type Property = fn(&[u8]);

/// Every property, with the name of its fuzz target.
pub const TARGETS: [(&str, Property); 9] = [
    ("signature", signature),
    ("webhook", webhook),
    ("twiml", twiml),
    ("cursor", cursor),
    ("json", json),
    ("event", event),
    ("recipients", recipients),
    ("template", template),
    ("ssml", ssml),
];
