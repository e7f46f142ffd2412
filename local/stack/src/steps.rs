//! Numbered steps on standard output, with the time since the start.

use std::fmt::Display;
use std::time::Instant;

/// A numbered list of steps, printed as they start.
pub struct Steps {
    total: usize,
    current: usize,
    started: Instant,
}

impl Steps {
    /// `total` is the number of calls of [`Steps::next`].
    #[must_use]
    pub fn new(total: usize) -> Self {
        Self {
            total,
            current: 0,
            started: Instant::now(),
        }
    }

    /// Prints the next step.
    pub fn next(&mut self, step: impl Display) {
        self.current += 1;
        let (current, total) = (self.current, self.total);
        println!("[{current}/{total}] {:>6} {step}", self.elapsed());
    }

    /// Prints something about the current step.
    pub fn note(&self, note: impl Display) {
        println!("      {:>6} {note}", self.elapsed());
    }

    fn elapsed(&self) -> String {
        seconds(self.started.elapsed())
    }
}

/// A duration in a readable form, such as `3.4s` or `2m05s`.
#[must_use]
pub fn seconds(duration: std::time::Duration) -> String {
    let whole = duration.as_secs();
    if whole < 100 {
        format!("{:.1}s", duration.as_secs_f64())
    } else {
        format!("{}m{:02}s", whole / 60, whole % 60)
    }
}
