//! `outdial export`: what the API shows, one JSON object a line.

mod file;
mod line;
mod values;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Args;
use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use outdial::dao::admin::export::{self as stored, Collection, Created, Position};
use serde::Serialize;

use crate::error::{Error, Result, UsageError};
use crate::output::{Format, message, stdout_failure};
use crate::variables::Variables;
use crate::{progress, target};

#[derive(Args)]
#[command(after_help = "\
Users and calls come in the order of their creation, recordings in the order of their ids. With
--folder, each collection has its own file (users.jsonl, …), which only its owner may read. The
command continues an existing file after its last complete line. Lines already written do not follow
later changes.

The lines are JSON whatever --output says. With --folder, --output json prints a document with the
number of lines written to each file.

Examples:
  MONGO_URI='mongodb+srv://…' outdial export --folder backup
  MONGO_URI='mongodb+srv://…' outdial export calls --from 2026-11-01 --to 2026-12-01 > november.jsonl
  outdial export users --local --after 65f0a1b2c3d4e5f601234567")]
pub struct Arguments {
    /// Collections to write: one to standard output, or several (default: all) into a folder
    #[arg(value_parser = values::collection())]
    collections: Vec<Collection>,
    /// Write files into this folder, and continue those that exist
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Continue after the user, call or recording with this id, the last one written
    #[arg(long, value_name = "ID", conflicts_with = "folder")]
    after: Option<String>,
    /// Only what was created at this time or later, UTC: 2026-11-24, or 2026-11-24T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    from: Option<DateTime<Utc>>,
    /// Only what was created before this time, UTC
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    to: Option<DateTime<Utc>>,
    #[command(flatten)]
    variables: Variables,
}

/// The export of one collection to its file.
#[derive(Serialize)]
struct Written {
    collection: &'static str,
    file: PathBuf,
    lines: u64,
    /// Stored documents that could not be read and were skipped.
    unreadable: u64,
}

/// The documents of an export.
struct Counts {
    lines: u64,
    unreadable: u64,
}

pub async fn run(arguments: Arguments, format: Format) -> Result<()> {
    let destination = arguments.destination()?;
    let settings = target::settings(&arguments.variables).await?;
    let database = target::database(&settings).await?;
    let millis =
        |time: DateTime<Utc>| mongodb::bson::DateTime::from_millis(time.timestamp_millis());
    let export = Export {
        database,
        created: Created {
            from: arguments.from.map(millis),
            to: arguments.to.map(millis),
        },
    };
    match destination {
        Destination::Stdout(collection) => {
            let after = match &arguments.after {
                Some(id) => Some(export.position(collection, id).await?),
                None => None,
            };
            let mut out = BufWriter::new(io::stdout());
            let written = export.write(collection, after, &mut out).await;
            complete(collection, &written.map_err(stdout_failure)?)
        }
        Destination::Folder(folder, collections) => {
            std::fs::create_dir_all(folder)
                .map_err(|error| format!("{} must be a folder: {error}", folder.display()))?;
            export.write_to_folder(collections, folder, format).await
        }
    }
}

/// The place that the lines go to.
enum Destination<'a> {
    Stdout(Collection),
    Folder(&'a Path, &'a [Collection]),
}

impl Arguments {
    fn destination(&self) -> Result<Destination<'_>, UsageError> {
        match (&self.folder, &self.collections[..]) {
            (Some(folder), []) => Ok(Destination::Folder(folder, &Collection::ALL)),
            (Some(folder), some) => Ok(Destination::Folder(folder, some)),
            (None, &[collection]) => Ok(Destination::Stdout(collection)),
            (None, _) => {
                let message = "name one of users, calls and recordings, or pass --folder for all";
                Err(UsageError(message.to_owned()))
            }
        }
    }
}

/// Fails if a document could not be read.
fn complete(collection: Collection, counts: &Counts) -> Result<()> {
    match counts.unreadable {
        0 => Ok(()),
        count => Err(format!("{count} of {} could not be read", collection.name()).into()),
    }
}

/// A database and the range to export from it.
struct Export {
    database: Database,
    created: Created,
}

impl Export {
    /// Writes each collection to its file, until one fails.
    async fn write_to_folder(
        &self,
        collections: &[Collection],
        folder: &Path,
        format: Format,
    ) -> Result<()> {
        let mut written = Vec::new();
        let mut result = Ok(());
        for &collection in collections {
            let file = folder.join(format!("{}.jsonl", collection.name()));
            let named = |error: Error| Error::from(format!("{}: {error}", file.display()));
            match self.continue_file(collection, &file).await {
                Ok(counts) => {
                    result = complete(collection, &counts).map_err(named);
                    written.push(Written {
                        collection: collection.name(),
                        lines: counts.lines,
                        unreadable: counts.unreadable,
                        file,
                    });
                }
                Err(error) => result = Err(named(error)),
            }
            if result.is_err() {
                break;
            }
        }
        format.document(&written)?;
        result
    }

    async fn continue_file(&self, collection: Collection, path: &Path) -> Result<Counts> {
        let (file, last) = file::open(path)?;
        let after = match last {
            Some(line) => {
                let id = line::id_in(collection, &line)
                    .ok_or_else(|| format!("its last line is not one of {}", collection.name()))?;
                Some(self.position(collection, &id).await?)
            }
            None => None,
        };
        let mut out = BufWriter::new(file);
        let counts = self.write(collection, after, &mut out).await?;
        out.get_ref().sync_all()?;
        Ok(counts)
    }

    async fn position(&self, collection: Collection, id: &str) -> Result<Position> {
        let position = stored::position(&self.database, collection, id).await?;
        Ok(position.ok_or_else(|| {
            let kind = collection.name().trim_end_matches('s');
            format!("no {kind} with id {id}")
        })?)
    }

    /// Writes line by line. A document that can't be read is reported and skipped.
    async fn write(
        &self,
        collection: Collection,
        after: Option<Position>,
        out: &mut impl Write,
    ) -> Result<Counts> {
        let (database, name) = (&self.database, collection.name());
        let bar = progress::items(0)?.with_message(name);
        if !bar.is_hidden() {
            bar.set_length(stored::count(database, collection, self.created, after).await?);
        }
        let mut found = stored::find(database, collection, self.created, after).await?;
        let mut counts = Counts {
            lines: 0,
            unreadable: 0,
        };
        while let Some(document) = found.next().await? {
            if after.is_some_and(|after| !after.is_before(&document)) {
                continue;
            }
            if let Some(line) = line::of(collection, &document) {
                writeln!(out, "{line}")?;
                counts.lines += 1;
            } else {
                counts.unreadable += 1;
                let id = document.id().map(ObjectId::to_hex).unwrap_or_default();
                let unreadable = format_args!("{name} {id}: the stored document cannot be read");
                bar.suspend(|| message(unreadable));
            }
            bar.inc(1);
        }
        out.flush()?;
        bar.finish_and_clear();
        message(format_args!("{name}: {} written", counts.lines));
        Ok(counts)
    }
}
