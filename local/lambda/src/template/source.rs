//! Reads the SQS events of a function: its event source mappings.

use super::{between, number};

/// The template's event source mapping of a function: which messages it gets, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSource {
    /// The queue's logical id.
    pub queue: &'static str,
    /// The most messages of an event.
    pub batch_size: usize,
    /// The most concurrent events.
    pub concurrency: usize,
    /// True if the function's result names the messages that failed. Otherwise a result means that none failed.
    pub reports_failures: bool,
}

/// Lambda's default.
const BATCH_SIZE: usize = 10;

/// The number of concurrent batches with which Lambda starts to read a queue.
const CONCURRENCY: usize = 5;

/// Returns the event sources in the lines of a function.
pub(super) fn event_sources(
    template: &str,
    lines: impl Iterator<Item = &'static str>,
) -> Vec<EventSource> {
    let mut sources: Vec<EventSource> = Vec::new();
    let mut is_source = false;
    for line in lines {
        if line.contains("Type: ") {
            is_source = line.contains("Type: SQS");
            sources.extend(is_source.then_some(EventSource {
                queue: "",
                batch_size: BATCH_SIZE,
                concurrency: CONCURRENCY,
                reports_failures: false,
            }));
        }
        let Some(source) = sources.last_mut().filter(|_| is_source) else {
            continue;
        };
        if let Some(queue) = between(line, "Queue: !GetAtt ", '.') {
            source.queue = queue;
        }
        if let Some(size) = number(template, line, "BatchSize: ") {
            source.batch_size = size;
        }
        if let Some(concurrency) = number(template, line, "MaximumConcurrency: ") {
            source.concurrency = concurrency;
        }
        source.reports_failures |= line.contains("ReportBatchItemFailures");
    }
    for source in &sources {
        assert!(!source.queue.is_empty(), "an SQS event has a queue");
    }
    sources
}
