//! `cargo fuzz run recipients`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_properties::recipients(bytes));
