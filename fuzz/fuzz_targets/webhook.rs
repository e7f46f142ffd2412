//! `cargo fuzz run webhook`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_properties::webhook(bytes));
