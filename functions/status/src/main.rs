//! status.

fn main() {}
