//! The result of an import: every row, counted.

use std::fmt;
use std::fs::File;
use std::path::Path;

use indicatif::ProgressBar;
use outdial::http::FieldError;
use serde::Serialize;

use super::store::Outcome;
use crate::error::{Error, Result};
use crate::output::{self, Format};

/// Every row, counted once.
#[derive(Serialize)]
struct Counts {
    dry_run: bool,
    /// All rows.
    lines: u64,
    /// Users who were created, or would be without --dry-run.
    created: u64,
    /// Users who were stored already, with the same values.
    already_stored: u64,
    refused: u64,
    blank: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let created_word = if self.dry_run { "to create" } else { "created" };
        write!(
            f,
            "{} lines: {} {created_word}, {} already stored, {} refused",
            self.lines, self.created, self.already_stored, self.refused
        )?;
        match self.blank {
            0 => Ok(()),
            blank => write!(f, ", {blank} blank"),
        }
    }
}

/// Counts the rows, and writes the refused ones to a file or to standard error.
pub struct Report {
    counts: Counts,
    stopped: Option<String>,
    file: Option<csv::Writer<File>>,
    bar: ProgressBar,
}

impl Report {
    pub fn new(file: Option<&Path>, dry_run: bool, bar: ProgressBar) -> Result<Self> {
        let file = file.map(|path| {
            let file = File::create(path)
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            let mut writer = csv::Writer::from_writer(file);
            writer.write_record(["line", "field", "reason"])?;
            Ok::<_, Error>(writer)
        });
        Ok(Self {
            counts: Counts {
                dry_run,
                lines: 0,
                created: 0,
                already_stored: 0,
                refused: 0,
                blank: 0,
            },
            stopped: None,
            file: file.transpose()?,
            bar,
        })
    }

    pub fn count(&mut self, line: u64, outcome: &Outcome) -> Result<()> {
        match outcome {
            Outcome::Created => self.counts.created += 1,
            Outcome::AlreadyStored => self.counts.already_stored += 1,
            Outcome::Refused(fault) => self.refuse(line, 1, std::slice::from_ref(fault))?,
        }
        Ok(())
    }

    pub fn count_blank(&mut self) {
        self.counts.blank += 1;
    }

    /// Writes the field and the rule, but not the value. The row counts as `count` rows.
    pub fn refuse(&mut self, line: u64, count: u64, faults: &[FieldError]) -> Result<()> {
        self.counts.refused += count;
        for FieldError { field, message } in faults {
            match &mut self.file {
                Some(file) => file.write_record([&line.to_string(), field, message])?,
                None => self
                    .bar
                    .suspend(|| output::message(format_args!("line {line}: {field} {message}"))),
            }
        }
        Ok(())
    }

    /// Notes that the rest of the file can't be read, and refuses this many lines.
    pub fn stop(&mut self, reason: String, lines: u64) {
        self.counts.refused += lines;
        self.stopped = Some(reason);
    }

    /// Prints the counts.
    ///
    /// # Errors
    ///
    /// If a row was refused, or the rest of the file could not be read.
    pub fn end(mut self, format: Format) -> Result<()> {
        self.bar.finish_and_clear();
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        let counts = &mut self.counts;
        counts.lines = counts.created + counts.already_stored + counts.refused + counts.blank;
        format.print(counts)?;
        match (self.stopped, self.counts.refused) {
            (Some(reason), _) => Err(reason.into()),
            (None, 0) => Ok(()),
            (None, refused) => Err(format!("lines that were refused: {refused}").into()),
        }
    }
}
