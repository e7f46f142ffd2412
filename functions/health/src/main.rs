//! health.

fn main() {}
