//! What the kernel tells of a process.

use std::time::Duration;

use crate::Result;

/// What its threads have had of the processors so far. Those that have ended count no more.
pub fn cpu(process: u32) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // It may have ended meanwhile.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        sum += on_processor(&text).ok_or("the kernel tells nothing of a thread's time")?;
    }
    Ok(sum)
}

/// The first figure of `schedstat`, in nanoseconds.
fn on_processor(schedstat: &str) -> Option<Duration> {
    let first = schedstat.split_whitespace().next()?;
    Some(Duration::from_nanos(first.parse().ok()?))
}

/// What it holds of the machine's memory, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

/// Of a process that runs.
///
/// What it holds now is counted page by page: the sum that the kernel keeps is behind by up to 32 pages for each processor.
pub fn memory(process: u32) -> Result<Memory> {
    let read = |name| std::fs::read_to_string(format!("/proc/{process}/{name}"));
    let now = kib(&read("smaps_rollup")?, "Rss:");
    let peak = kib(&read("status")?, "VmHWM:");
    match (now, peak) {
        (Some(now), Some(peak)) => Ok(Memory { now, peak }),
        _ => Err("the kernel tells nothing of the memory".into()),
    }
}

/// The figure of the line that begins with `name`.
fn kib(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let figure = lines.find_map(|line| line.strip_prefix(name))?;
    figure.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_found_by_the_name_of_its_line() {
        let status = "Name:\tvoice\nVmHWM:\t    9216 kB\nVmRSS:\t    8192 kB\nThreads:\t1\n";
        assert_eq!(kib(status, "VmHWM:"), Some(9_216));
        assert_eq!(kib(status, "Threads:"), None);
        assert_eq!(kib(status, "VmSwap:"), None);
    }

    #[test]
    fn the_time_on_a_processor_is_the_first_figure() {
        assert_eq!(
            on_processor("312135 7 1\n"),
            Some(Duration::from_nanos(312_135))
        );
        assert_eq!(on_processor(""), None);
    }

    #[test]
    fn a_running_process_has_both() {
        let own = std::process::id();
        assert!(memory(own).unwrap().now > 0);
        assert!(cpu(own).unwrap() > Duration::ZERO);
    }
}
