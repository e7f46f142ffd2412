//! outbound-calls.

fn main() {}
