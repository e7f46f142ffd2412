//! voice.

fn main() {}
