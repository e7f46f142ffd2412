//! The report of [`ensure`](super::ensure).

use std::fmt;

use mongodb::bson::Bson;

/// The changes that [`ensure`](super::ensure) made. `Display` prints one line per change.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    pub(super) lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    FilledIn {
        field: &'static str,
        count: u64,
    },
    Made(String),
    Dropped {
        index: String,
        successor: String,
    },
    Blocked {
        what: String,
        documents: Vec<Vec<Bson>>,
    },
}

impl Report {
    /// Returns whether every index exists now.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self
            .lines
            .iter()
            .any(|line| matches!(line, Line::Blocked { .. }))
    }

    /// Returns whether the index with this name could not be created.
    pub(super) fn blocks(&self, index: &str) -> bool {
        self.lines
            .iter()
            .any(|line| matches!(line, Line::Blocked { what, .. } if what == index))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        if self.is_complete() {
            f.write_str("every index is there")
        } else {
            f.write_str(
                "some indexes could not be created: change or remove the documents above, then run the command again",
            )
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FilledIn { field, count } => {
                write!(f, "{field}: filled in {count} missing values")
            }
            Self::Made(index) => write!(f, "{index}: created"),
            Self::Dropped { index, successor } => {
                write!(f, "{index}: dropped, replaced by {successor}")
            }
            Self::Blocked { what, documents } => {
                write!(
                    f,
                    "{what}: not created, because these documents have the same value (_id):"
                )?;
                documents.iter().try_for_each(|ids| {
                    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                    write!(f, "\n  {}", ids.join(" = "))
                })
            }
        }
    }
}
