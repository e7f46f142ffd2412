//! How far a long verb has come, shown where standard error is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::Result;

/// A bar of that many bytes.
pub fn bytes(total: u64) -> Result<ProgressBar> {
    let template = "{bar:40} {bytes} of {total_bytes}, {eta} left {msg}";
    Ok(ProgressBar::new(total).with_style(ProgressStyle::with_template(template)?))
}

/// A bar of that many things.
pub fn things(total: u64) -> Result<ProgressBar> {
    let template = "{bar:40} {human_pos} of {human_len} {msg}, {eta} left";
    Ok(ProgressBar::new(total).with_style(ProgressStyle::with_template(template)?))
}
