//! The results of a measurement: a table, and targets that are met or missed.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use serde_json::Value;

/// The result of one measurement.
pub struct Finding {
    /// The title of the table, with the unit.
    pub title: String,
    /// The table for people.
    pub table: Table,
    /// All figures, as JSON for the report.
    pub data: Value,
    /// The figures that must not be exceeded.
    pub targets: Vec<Target>,
}

/// A figure and its upper bound.
#[derive(Debug, Serialize)]
pub struct Target {
    /// The name of the figure.
    pub what: String,
    /// The upper bound.
    pub at_most: f64,
    /// The measured value.
    pub measured: f64,
    /// True if the value is within the bound.
    pub met: bool,
    /// Why the target is missed, and what was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<&'static str>,
}

impl Target {
    /// Compares a measured value with its upper bound.
    pub fn new(what: impl Into<String>, at_most: f64, measured: f64) -> Self {
        Self {
            what: what.into(),
            at_most,
            measured,
            met: measured <= at_most,
            bound: None,
        }
    }

    /// Explains a missed target: why it is missed, and what was tried.
    pub fn bound_by(mut self, why: &'static str) -> Self {
        self.bound = (!self.met).then_some(why);
        self
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let verdict = if self.met { "met   " } else { "MISSED" };
        let (measured, at_most) = (self.measured, self.at_most);
        write!(
            f,
            "{verdict} {}: {measured:.2}, at most {at_most:.2}",
            self.what
        )
    }
}

/// A table with a header. The first column is text, the others are figures.
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// Creates a table with these column names.
    pub fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|&cell| cell.to_owned()).collect()])
    }

    /// Adds a row.
    pub fn line(&mut self, name: impl Into<String>, figures: impl IntoIterator<Item = String>) {
        let mut line = vec![name.into()];
        line.extend(figures);
        self.0.push(line);
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.0.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        for line in &self.0 {
            for (column, cell) in line.iter().enumerate() {
                let width = widths[column];
                if column == 0 {
                    write!(f, "  {cell:<width$}")?;
                } else {
                    write!(f, "  {cell:>width$}")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
