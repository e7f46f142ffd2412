use std::fmt;

use mongodb::bson::Bson;

/// What [`ensure`](super::ensure) has done. Its `Display` is for a person: one line for each change, none where nothing was to do.
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
    /// Whether every index is there now.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self
            .lines
            .iter()
            .any(|line| matches!(line, Line::Blocked { .. }))
    }

    /// Whether the index of that name could not be made.
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
                "some indexes could not be made: change or remove the documents above, then repeat",
            )
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FilledIn { field, count } => write!(f, "{field}: filled in {count} times"),
            Self::Made(index) => write!(f, "{index}: made"),
            Self::Dropped { index, successor } => {
                write!(f, "{index}: dropped, {successor} does its work")
            }
            Self::Blocked { what, documents } => {
                write!(
                    f,
                    "{what}: not made, for these documents hold one value (_id):"
                )?;
                documents.iter().try_for_each(|ids| {
                    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                    write!(f, "\n  {}", ids.join(" = "))
                })
            }
        }
    }
}
