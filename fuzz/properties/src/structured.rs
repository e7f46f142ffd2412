//! Reads structured input from the fuzzer's bytes.

use arbitrary::{Arbitrary, Unstructured};

/// Reads a value from the bytes; values that are missing at the end get defaults. `None` if the bytes don't fit the type.
pub fn read<'a, T: Arbitrary<'a>>(bytes: &'a [u8]) -> Option<T> {
    Unstructured::new(bytes).arbitrary().ok()
}
