//! What has become of the rows.

use std::fs::File;
use std::path::Path;

use indicatif::ProgressBar;
use outdial::http::FieldError;

use super::store::Outcome;
use crate::Result;

/// Counts each row once: as created, known, refused or blank.
pub struct Report {
    created: u64,
    known: u64,
    refused: u64,
    blank: u64,
    stopped: Option<String>,
    file: Option<csv::Writer<File>>,
    bar: ProgressBar,
}

impl Report {
    pub fn new(file: Option<&Path>, bar: ProgressBar) -> Result<Self> {
        let file = file.map(|path| {
            let file = File::create(path)
                .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
            let mut writer = csv::Writer::from_writer(file);
            writer.write_record(["line", "field", "reason"])?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(writer)
        });
        Ok(Self {
            created: 0,
            known: 0,
            refused: 0,
            blank: 0,
            stopped: None,
            file: file.transpose()?,
            bar,
        })
    }

    pub fn count(&mut self, line: u64, outcome: &Outcome) -> Result<()> {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Known => self.known += 1,
            Outcome::Refused(fault) => self.refuse(line, 1, std::slice::from_ref(fault))?,
        }
        Ok(())
    }

    pub fn count_blank(&mut self) {
        self.blank += 1;
    }

    /// Writes the field and the rule, and never the value. The row counts as `count` rows.
    pub fn refuse(&mut self, line: u64, count: u64, faults: &[FieldError]) -> Result<()> {
        self.refused += count;
        for FieldError { field, message } in faults {
            match &mut self.file {
                Some(file) => file.write_record([&line.to_string(), field, message])?,
                None => self
                    .bar
                    .suspend(|| eprintln!("line {line}: {field} {message}")),
            }
        }
        Ok(())
    }

    /// The rest of the file cannot be read: that many lines are refused.
    pub fn stop(&mut self, reason: String, lines: u64) {
        self.refused += lines;
        self.stopped = Some(reason);
    }

    /// Prints the counts.
    ///
    /// # Errors
    ///
    /// When a row was refused, or the rest of the file could not be read.
    pub fn end(mut self, dry_run: bool) -> Result<()> {
        self.bar.finish_and_clear();
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        let Self {
            created,
            known,
            refused,
            blank,
            ..
        } = self;
        let rows = created + known + refused + blank;
        let created_word = if dry_run { "to create" } else { "created" };
        let blank = match blank {
            0 => String::new(),
            blank => format!(", {blank} blank"),
        };
        println!(
            "{rows} lines: {created} {created_word}, {known} there already, {refused} refused{blank}"
        );
        match (self.stopped, refused) {
            (Some(reason), _) => Err(reason.into()),
            (None, 0) => Ok(()),
            (None, refused) => Err(format!("lines that were refused: {refused}").into()),
        }
    }
}
