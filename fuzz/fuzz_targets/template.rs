//! `cargo fuzz run template`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_properties::template(bytes));
