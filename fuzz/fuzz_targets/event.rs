//! `cargo fuzz run event`
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_properties::event(bytes));
