//! media.

fn main() {}
