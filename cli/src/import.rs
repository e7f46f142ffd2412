//! `outdial import`: users from a CSV file, or from the JSON lines that `outdial export users` writes.

mod exported;
mod header;
mod report;
mod row;
mod store;
mod table;

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use outdial::csv::{CsvError, Lines};
use outdial::input;

use crate::error::Result;
use crate::output::Format;
use crate::variables::Variables;
use crate::{progress, target};
use report::Report;
use row::{Content, Row};
use store::{Ids, Store};
use table::Table;

#[derive(Args)]
#[command(after_help = "\
CSV: the header names the columns name, email, phone_number and, optionally, time_zone, in any order
and any case. Commas, semicolons, tabs or | separate the cells; a first line such as sep=; may name
the separator. The encoding is UTF-8, or UTF-16 with a byte order mark: choose `CSV UTF-8` in a
spreadsheet. Format the column of numbers as Text, or the spreadsheet removes the +. The command
trims the cells, and skips rows without a value.

JSON lines: the users.jsonl of `outdial export`. Users keep their ids and times.

Each row must obey the rules of POST /users. The command skips a user who is already stored with the
same values, and changes no stored user. So you can repeat it, also after an interruption. It exits
with 1 if it refused a row, or could not read the whole file.

Examples:
  MONGO_URI='mongodb+srv://…' outdial import users.csv --dry-run
  MONGO_URI='mongodb+srv://…' outdial import users.csv --refused refused.csv
  outdial import backup/users.jsonl --local")]
pub struct Arguments {
    /// A CSV file with a header, or the users.jsonl of an export
    file: PathBuf,
    /// Write the refused rows to this CSV file (line, field, reason) instead of standard error
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// Check every row and look up who is stored already, but store nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    variables: Variables,
}

/// The number of users stored in one request.
const BATCH: usize = 500;

pub async fn run(arguments: Arguments, format: Format) -> Result<()> {
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
    let database = target::database(&settings).await?;
    let store = Store::open(database, users.ids(), arguments.dry_run).await?;
    let mut report = Report::new(arguments.refused.as_deref(), arguments.dry_run, bar)?;
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
                let lines = error.downcast_ref().map_or(0, CsvError::lines);
                report.stop(format!("{}: {error}", path.display()), lines);
            }
        }
        if batch.len() == BATCH || is_last {
            for (line, outcome) in store.take(&batch).await? {
                report.count(line, &outcome)?;
            }
            batch.clear();
        }
        if is_last {
            return report.end(format);
        }
    }
}

/// The rows of a file of either format.
enum Users<R: Read> {
    Table(Table<R>),
    Exported(Lines<R>),
}

impl<R: Read> Users<R> {
    /// Recognises JSON lines by the file's name, or by the first character, with which no header begins.
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
