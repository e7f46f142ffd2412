//! `cargo xtask export`: what the API would tell, one JSON object a line.

mod collection;
mod file;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;
use mongodb::Database;
use mongodb::bson::{RawDocumentBuf, oid::ObjectId};
use outdial::dao::DaoError;

use crate::Result;
use crate::progress;
use crate::target;
use crate::variables::Variables;
use collection::{Collection, Place, Span};

#[derive(Args)]
#[command(after_help = "\
Users and calls come in the order in which they were created, recordings in that of their ids. Into a folder each collection goes
to a file of its own (users.jsonl, …), which only its owner may read; where it is there already, it is continued behind its last whole
line. What changes after it was written stays as it was.

Examples:
  MONGO_URI='mongodb+srv://…' cargo xtask export --folder backup
  MONGO_URI='mongodb+srv://…' cargo xtask export calls --from 2026-11-01 --to 2026-12-01 > november.jsonl
  cargo xtask export users --local --after 65f0a1b2c3d4e5f601234567")]
pub struct Arguments {
    /// What is written: all of them into a folder, or one to standard output
    #[arg(value_enum)]
    collections: Vec<Collection>,
    /// Write files into this folder, and continue those that are there
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Go on behind the user, call or recording of that id, the last one that was written
    #[arg(long, value_name = "ID", conflicts_with = "folder")]
    after: Option<String>,
    /// Only what was created then or later, UTC: 2026-11-24, or 2026-11-24T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<DateTime<Utc>>,
    /// Only what was created before
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<DateTime<Utc>>,
    #[command(flatten)]
    variables: Variables,
}

/// How much is asked of the database at once.
const BATCH: u32 = 1_000;

pub async fn run(arguments: Arguments) -> Result<()> {
    let settings = target::settings(&arguments.variables).await?;
    let database = target::dao(&settings).await?.database().await?;
    let span = Span {
        from: arguments.from,
        to: arguments.to,
    };
    let Some(folder) = arguments.folder else {
        let [collection] = arguments.collections[..] else {
            return Err("name one of users, calls and recordings, or a --folder for all".into());
        };
        let after = match &arguments.after {
            Some(id) => Some(collection.place(&database, id).await?),
            None => None,
        };
        let mut out = BufWriter::new(io::stdout().lock());
        return write(&database, collection, span, after, &mut out).await;
    };
    let collections = match &arguments.collections[..] {
        [] => &Collection::ALL,
        some => some,
    };
    std::fs::create_dir_all(&folder)
        .map_err(|error| format!("{} must be a folder: {error}", folder.display()))?;
    for &collection in collections {
        let path = folder.join(format!("{}.jsonl", collection.name()));
        continue_file(&database, collection, span, &path)
            .await
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

async fn continue_file(
    database: &Database,
    collection: Collection,
    span: Span,
    path: &Path,
) -> Result<()> {
    let (file, last) = file::open(path)?;
    let after = match last {
        Some(line) => {
            let id = collection
                .id_in(&line)
                .ok_or_else(|| format!("its last line is none of {}", collection.name()))?;
            Some(collection.place(database, &id).await?)
        }
        None => None,
    };
    let mut out = BufWriter::new(file);
    write(database, collection, span, after, &mut out).await?;
    Ok(out.get_ref().sync_all()?)
}

/// Writes line by line; what cannot be read is told and passed over.
async fn write(
    database: &Database,
    collection: Collection,
    span: Span,
    after: Option<Place>,
    out: &mut impl Write,
) -> Result<()> {
    let filter = collection.filter(span, after);
    let documents = database.collection::<RawDocumentBuf>(collection.name());
    let bar = progress::things(0)?.with_message(collection.name());
    if !bar.is_hidden() {
        let count = documents.count_documents(filter.clone()).await;
        bar.set_length(count.map_err(DaoError::from)?);
    }
    let mut found = documents
        .find(filter)
        .sort(collection.order())
        .batch_size(BATCH)
        .await
        .map_err(DaoError::from)?;
    let (mut written, mut unreadable) = (0_u64, 0_u64);
    while found.advance().await.map_err(DaoError::from)? {
        let document = found.current();
        if after.is_some_and(|after| !after.is_before(document)) {
            continue;
        }
        let id = document.get_object_id("_id").ok();
        if let Some(line) = collection.line(document) {
            writeln!(out, "{line}")?;
            written += 1;
        } else {
            unreadable += 1;
            let id = id.map(ObjectId::to_hex).unwrap_or_default();
            let name = collection.name();
            bar.suspend(|| eprintln!("{name} {id}: a stored document is not as expected"));
        }
        bar.inc(1);
    }
    out.flush()?;
    bar.finish_and_clear();
    eprintln!("{}: {written} written", collection.name());
    match unreadable {
        0 => Ok(()),
        count => Err(format!("{count} of {} could not be read", collection.name()).into()),
    }
}

/// A day is its beginning.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let day = text
        .parse::<NaiveDate>()
        .ok()
        .and_then(|day| day.and_hms_opt(0, 0, 0));
    day.map(|day| day.and_utc()).ok_or_else(|| {
        "must be a day, such as 2026-11-24, or a time, such as 2026-11-24T12:00:00Z".to_owned()
    })
}
