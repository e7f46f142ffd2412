//! `cargo fuzz run ssml`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_properties::ssml(bytes));
