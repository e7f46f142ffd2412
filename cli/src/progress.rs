//! Progress bars of long commands, shown if standard error is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::error::Result;

/// A bar of this many bytes.
pub fn bytes(total: u64) -> Result<ProgressBar> {
    let template = "{bar:40} {bytes} of {total_bytes}, {eta} left {msg}";
    Ok(ProgressBar::new(total).with_style(ProgressStyle::with_template(template)?))
}

/// A bar of this many items.
pub fn items(total: u64) -> Result<ProgressBar> {
    let template = "{bar:40} {human_pos} of {human_len} {msg}, {eta} left";
    Ok(ProgressBar::new(total).with_style(ProgressStyle::with_template(template)?))
}

/// A bar of this many items, without an estimate of its end.
pub fn counted(total: u64) -> Result<ProgressBar> {
    let template = "{bar:40} {human_pos} of {human_len} {msg}";
    Ok(ProgressBar::new(total).with_style(ProgressStyle::with_template(template)?))
}
