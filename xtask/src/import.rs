//! `cargo xtask import`: users from a CSV file, or from the JSON lines that `cargo xtask export users` writes.

mod cells;
mod exported;
mod header;
mod report;
mod store;
mod table;
mod text;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use outdial::domain::User;
use outdial::http::FieldError;

use crate::Result;
use crate::input;
use crate::progress;
use crate::target;
use crate::variables::Variables;
use report::Report;
use store::{Ids, Store};
use table::{OpenQuote, Table};
use text::Lines;

#[derive(Args)]
#[command(after_help = "\
CSV: the header names the columns name, email, phone_number and, optionally, time_zone, in any order and in capitals or not. Commas,
semicolons, tabs or | separate the cells; a first line such as sep=; may say which. The encoding is UTF-8, or UTF-16 with a byte order
mark: choose `CSV UTF-8` where a spreadsheet asks. Format the column of numbers as Text, or the spreadsheet removes the +. Blanks around
cells are removed, and rows without a value are skipped.

JSON lines: the users.jsonl of `cargo xtask export`. Users keep their ids and times.

Each row must obey the rules of POST /users. The command skips a user who is already stored with the same values, and never changes a
stored user. So you can run it again, also after an interruption. It exits with 1 if it refused a row, or could not read the file to
its end.

Examples:
  MONGO_URI='mongodb+srv://…' cargo xtask import users.csv --dry-run
  MONGO_URI='mongodb+srv://…' cargo xtask import users.csv --refused refused.csv
  cargo xtask import backup/users.jsonl --local")]
pub struct Arguments {
    /// A CSV file with a header, or the users.jsonl of an export
    file: PathBuf,
    /// Write the refused rows to this CSV file: line, field, reason. Without it, they are printed
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// Check every row, look up who is already stored, and store nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    variables: Variables,
}

/// How many users go to the database at once.
const BATCH: usize = 500;

pub async fn run(arguments: Arguments) -> Result<()> {
    let path = &arguments.file;
    let (file, length) = input::open(path, "a CSV file or an exported users.jsonl")?;
    let bar = progress::bytes(length)?;
    let mut users = Users::open(path, bar.wrap_read(file))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    if let Some(refused) = &arguments.refused
        && refused
            .canonicalize()
            .is_ok_and(|refused| path.canonicalize().is_ok_and(|path| path == refused))
    {
        return Err(format!("--refused would overwrite {}", path.display()).into());
    }
    let settings = target::settings(&arguments.variables).await?;
    let database = target::dao(&settings).await?.database().await?;
    let store = Store::open(&database, users.ids(), arguments.dry_run).await?;
    let mut report = Report::new(arguments.refused.as_deref(), bar)?;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let row = users.next();
        let is_last = !matches!(row, Ok(Some(_)));
        match row {
            Ok(Some(row)) => match row.content {
                Content::Blank => report.count_blank(),
                Content::Refused(faults) => report.refuse(row.line, row.count, &faults)?,
                Content::User(user) => batch.push((row.line, *user)),
            },
            Ok(None) => {}
            Err(error) => {
                let taken_in = error.downcast_ref::<OpenQuote>().map_or(0, |it| it.lines);
                report.stop(format!("{}: {error}", path.display()), taken_in);
            }
        }
        if batch.len() == BATCH || is_last {
            for (line, outcome) in store.take(&batch).await? {
                report.count(line, &outcome)?;
            }
            batch.clear();
        }
        if is_last {
            return report.end(arguments.dry_run);
        }
    }
}

/// A row of the file.
struct Row {
    /// The line on which it begins, from 1.
    line: u64,
    /// As how many rows it counts: as one, or as each line that an open quote may have made a part of it.
    count: u64,
    content: Content,
}

enum Content {
    User(Box<User>),
    Refused(Vec<FieldError>),
    Blank,
}

fn fault(field: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: message.into(),
    }
}

/// The rows of a file of either format.
enum Users<R: Read> {
    Table(Table<R>),
    Exported(Lines<R>),
}

impl<R: Read> Users<R> {
    /// JSON lines go by their name, or by their first character, with which no header begins.
    fn open(path: &Path, file: R) -> Result<Self> {
        let mut lines = Lines::new(file);
        let is_json = path.extension().is_some_and(|end| end == "jsonl")
            || matches!(lines.peek()?, Some(b'{' | b'['));
        if is_json {
            Ok(Self::Exported(lines))
        } else {
            Table::open(lines).map(Self::Table)
        }
    }

    fn next(&mut self) -> Result<Option<Row>> {
        match self {
            Self::Table(table) => table.next(),
            Self::Exported(lines) => exported::next(lines),
        }
    }

    fn ids(&self) -> Ids {
        match self {
            Self::Table(_) => Ids::New,
            Self::Exported(_) => Ids::Kept,
        }
    }
}
