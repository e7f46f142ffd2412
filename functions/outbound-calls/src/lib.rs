//! outbound-calls.
