//! `cargo fuzz run cursor`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_properties::cursor(bytes));
