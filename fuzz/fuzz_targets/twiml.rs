//! `cargo fuzz run twiml`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_properties::twiml(bytes));
