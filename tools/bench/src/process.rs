//! Reads a process's time and memory from the kernel.

use std::time::Duration;

use rustix::process::Pid;
use stack::Result;

/// Returns the processor time of all running threads of a process so far. Ended threads don't count.
pub fn cpu(process: u32) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end between listing and reading.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
            continue;
        };
        sum += on_processor(&text).ok_or("the kernel doesn't report a thread's time")?;
    }
    Ok(sum)
}

/// Reads the first figure of `schedstat`, in nanoseconds.
fn on_processor(schedstat: &str) -> Option<Duration> {
    let first = schedstat.split_whitespace().next()?;
    Some(Duration::from_nanos(first.parse().ok()?))
}

/// The resident memory of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub now: u64,
    pub peak: u64,
}

/// Returns the memory of a running process.
///
/// The kernel counts the current memory page by page for this. Its running sum would be late by up to 32 pages for each
/// processor.
pub fn memory(process: u32) -> Result<Memory> {
    let read = |name| std::fs::read_to_string(format!("/proc/{process}/{name}"));
    let now = kib(&read("smaps_rollup")?, "Rss:");
    let peak = kib(&read("status")?, "VmHWM:");
    match (now, peak) {
        (Some(now), Some(peak)) => Ok(Memory { now, peak }),
        _ => Err("the kernel doesn't report the memory".into()),
    }
}

/// Returns the figure of the line that begins with `name`.
fn kib(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    let figure = lines.find_map(|line| line.strip_prefix(name))?;
    figure.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// Returns the child processes of a process.
pub fn children(pid: Pid) -> Vec<Pid> {
    let pid = pid.as_raw_nonzero();
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let text = text.unwrap_or_default();
    let children = text
        .split_whitespace()
        .filter_map(|child| child.parse().ok());
    children.filter_map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figure_is_found_by_the_name_of_its_line() {
        let status = "Name:\tvoice\nVmHWM:\t    9216 kB\nVmRSS:\t    8192 kB\nThreads:\t1\n";
        assert_eq!(kib(status, "VmHWM:"), Some(9_216));
        assert_eq!(kib(status, "Threads:"), None);
        assert_eq!(kib(status, "VmSwap:"), None);
    }

    #[test]
    fn processor_time_is_the_first_figure() {
        assert_eq!(
            on_processor("312135 7 1\n"),
            Some(Duration::from_nanos(312_135))
        );
        assert_eq!(on_processor(""), None);
    }

    #[test]
    fn running_process_has_time_and_memory() {
        let own = std::process::id();
        assert!(memory(own).unwrap().now > 0);
        assert!(cpu(own).unwrap() > Duration::ZERO);
    }
}
