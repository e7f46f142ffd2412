use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use serde_json::Value;

/// What one part has found.
pub struct Finding {
    /// What was measured, and in which unit.
    pub title: String,
    /// For people.
    pub table: Table,
    /// All of it.
    pub data: Value,
    /// What it was to be.
    pub targets: Vec<Target>,
}

/// What a figure was to be, and what it is.
#[derive(Debug, Serialize)]
pub struct Target {
    /// Of what.
    pub what: String,
    /// The most that it may be.
    pub at_most: f64,
    /// What it is.
    pub measured: f64,
    /// Whether it is no more.
    pub met: bool,
    /// What bounds it where it is more, and what has been tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<&'static str>,
}

impl Target {
    /// Compares.
    pub fn new(what: impl Into<String>, at_most: f64, measured: f64) -> Self {
        Self {
            what: what.into(),
            at_most,
            measured,
            met: measured <= at_most,
            bound: None,
        }
    }

    /// Where it is missed: what bounds it, and what has been tried.
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

/// Lines of cells below a head. The first column is text, the others are figures.
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// With the names of its columns.
    pub fn new(head: &[&str]) -> Self {
        Self(vec![head.iter().map(|&cell| cell.to_owned()).collect()])
    }

    /// Adds a line.
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
