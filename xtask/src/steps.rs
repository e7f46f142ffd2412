//! Progress that a person can follow: numbered steps with the time since the start.

use std::fmt::Display;
use std::time::Instant;

/// A numbered list of steps, printed to standard output as they happen.
pub struct Steps {
    total: usize,
    current: usize,
    started: Instant,
}

impl Steps {
    /// `total` is how many times [`Steps::next`] will be called.
    pub fn new(total: usize) -> Self {
        Self {
            total,
            current: 0,
            started: Instant::now(),
        }
    }

    /// Announces the next step.
    pub fn next(&mut self, what: impl Display) {
        self.current += 1;
        let (current, total) = (self.current, self.total);
        println!("[{current}/{total}] {:>6} {what}", self.elapsed());
    }

    /// Tells something about the step that is under way.
    pub fn note(&self, what: impl Display) {
        println!("      {:>6} {what}", self.elapsed());
    }

    fn elapsed(&self) -> String {
        seconds(self.started.elapsed())
    }
}

/// A duration as people read it, such as `3.4s` or `2m05s`.
pub fn seconds(duration: std::time::Duration) -> String {
    let whole = duration.as_secs();
    if whole < 100 {
        format!("{:.1}s", duration.as_secs_f64())
    } else {
        format!("{}m{:02}s", whole / 60, whole % 60)
    }
}
