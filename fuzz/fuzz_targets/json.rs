//! `cargo fuzz run json`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_properties::json(bytes));
