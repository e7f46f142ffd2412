//! Telemetry: logs and metrics, as lines on standard output.

pub mod logs;
pub mod metrics;
