//! dao/mod.
