//! Logs: JSON objects, one per line, on standard output.
//!
//! The fields are flat: `timestamp`, `level`, `target`, `function`, `message`, the event's own fields, and those of the
//! surrounding spans, such as `request_id` and `call_id`. `name` is the innermost span. An event must not repeat a field
//! of a span.

use std::{io, time::Instant};

use json_subscriber::JsonLayer;
use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{MakeWriter, time::SystemTime},
    layer::SubscriberExt,
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::variables::{ConfigError, variable};

/// The crates whose spans and events follow `LOG_LEVEL`. All others are capped at INFO, because below it the runtime logs
/// whole events with personal data.
const OWN: [&str; 16] = [
    "outdial",
    "console",
    "health",
    "users",
    "outbound_calls",
    "batches",
    "voice",
    "fallback",
    "status",
    "recording",
    "media",
    "replay",
    "reconcile",
    "dispatch",
    "dial",
    "effects",
];

/// Targets of the runtime that never log: errors and panics, which our own lines report, and a span that duplicates ours.
const SILENT: [&str; 2] = [
    "lambda_runtime::layers::panic",
    "lambda_runtime::layers::trace",
];

/// The layer that writes the log lines of a function.
pub fn lines<S, W>(function: &str, writer: W) -> JsonLayer<S, W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    let mut lines = JsonLayer::<S>::new(writer);
    lines.add_static_field("function", function.into());
    lines
        .with_timer("timestamp", SystemTime)
        .with_level("level")
        .with_target("target")
        .with_flattened_event()
        .with_top_level_flattened_span_list();
    lines
}

/// Starts logging at `LOG_LEVEL`, and logs panics.
///
/// # Errors
///
/// When `LOG_LEVEL` is malformed. Logging has then started at INFO.
pub(crate) fn start(function: &str) -> Result<(), ConfigError> {
    let level = variable("LOG_LEVEL").map_or(Ok(Level::INFO), |text| {
        text.parse::<Level>()
            .map_err(|_| ConfigError::malformed("LOG_LEVEL", "TRACE, DEBUG, INFO, WARN or ERROR"))
    });
    let chosen = *level.as_ref().unwrap_or(&Level::INFO);
    let targets = Targets::new()
        .with_default(chosen.min(Level::INFO))
        .with_targets(OWN.map(|name| (name, chosen)))
        .with_targets(SILENT.map(|name| (name, LevelFilter::OFF)));
    let lines = lines(function, io::stdout).with_filter(targets);
    // A subscriber that is set already, as in tests, stays.
    let _ = tracing_subscriber::registry().with(lines).try_init();
    log_panics();
    tracing::debug!(version = env!("CARGO_PKG_VERSION"), "starting");
    level.map(|_| ())
}

/// Logs each panic of the process with its location, and without its message, which may contain anything.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panicked");
    }));
}

/// The whole milliseconds since `begun`.
pub(crate) fn elapsed_ms(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
