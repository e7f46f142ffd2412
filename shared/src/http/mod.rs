//! http/mod.
