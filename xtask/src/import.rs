//! `cargo xtask import`: users from a CSV file.

mod lines;
mod store;

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBar;
use outdial::http::FieldError;

use crate::Result;
use crate::progress;
use crate::target;
use crate::variables::Variables;
use lines::Lines;
use store::{Outcome, Store};

#[derive(Args)]
#[command(after_help = "\
Each line is held to the rules of POST /users. One whose address is there already, with the same name, number and time zone, is passed
over: so the command may be repeated, after an interruption too. It ends with 1 where a line was refused.

Examples:
  MONGO_URI='mongodb+srv://…' cargo xtask import users.csv --dry-run
  MONGO_URI='mongodb+srv://…' cargo xtask import users.csv --refused refused.csv
  cargo xtask import users.csv --local")]
pub struct Arguments {
    /// A CSV file in UTF-8 with a header of `name`, `email`, `phone_number` and, if you like, `time_zone`, in any order
    file: PathBuf,
    /// Write what was refused to this CSV file: line, field, reason. Else it is shown
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// Check every line, look up who is there already, and store nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    variables: Variables,
}

/// How many users go to the database at once.
const BATCH: usize = 500;

pub async fn run(arguments: Arguments) -> Result<()> {
    let file = File::open(&arguments.file).map_err(|error| named(&arguments.file, &error))?;
    let bar = progress::bytes(file.metadata()?.len())?;
    let mut lines = Lines::read(file)?;
    let settings = target::settings(&arguments.variables).await?;
    let database = target::dao(&settings).await?.database().await?;
    let store = Store::open(&database, arguments.dry_run).await?;
    let mut report = Report::new(arguments.refused.as_deref(), bar.clone())?;
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let line = lines.next().transpose()?;
        let is_last = line.is_none();
        if let Some(line) = line {
            report.lines += 1;
            match line.user {
                Ok(user) => batch.push((line.number, user)),
                Err(faults) => report.refuse(line.number, &faults)?,
            }
        }
        if batch.len() == BATCH || is_last {
            for (number, outcome) in store.take(&batch).await? {
                report.tell(number, &outcome)?;
            }
            batch.clear();
            bar.set_position(lines.bytes_read());
        }
        if is_last {
            break;
        }
    }
    bar.finish_and_clear();
    report.end(arguments.dry_run)
}

/// What has become of the lines.
struct Report {
    lines: u64,
    created: u64,
    known: u64,
    refused: u64,
    file: Option<csv::Writer<File>>,
    bar: ProgressBar,
}

impl Report {
    fn new(file: Option<&Path>, bar: ProgressBar) -> Result<Self> {
        let file = file.map(|path| {
            let file = File::create(path).map_err(|error| named(path, &error))?;
            let mut writer = csv::Writer::from_writer(file);
            writer.write_record(["line", "field", "reason"])?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(writer)
        });
        Ok(Self {
            lines: 0,
            created: 0,
            known: 0,
            refused: 0,
            file: file.transpose()?,
            bar,
        })
    }

    fn tell(&mut self, line: u64, outcome: &Outcome) -> Result<()> {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Known => self.known += 1,
            Outcome::Refused(fault) => self.refuse(line, std::slice::from_ref(fault))?,
        }
        Ok(())
    }

    /// A refusal tells the field and the rule, and never the value.
    fn refuse(&mut self, line: u64, faults: &[FieldError]) -> Result<()> {
        self.refused += 1;
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

    fn end(mut self, dry_run: bool) -> Result<()> {
        if let Some(file) = &mut self.file {
            file.flush()?;
        }
        let Self {
            lines,
            created,
            known,
            refused,
            ..
        } = self;
        let created_word = if dry_run { "to create" } else { "created" };
        println!(
            "{lines} lines: {created} {created_word}, {known} there already, {refused} refused"
        );
        match refused {
            0 => Ok(()),
            refused => Err(format!("lines that were refused: {refused}").into()),
        }
    }
}

fn named(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
