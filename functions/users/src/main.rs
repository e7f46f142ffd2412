//! users.

fn main() {}
