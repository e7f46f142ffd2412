//! recording.

fn main() {}
