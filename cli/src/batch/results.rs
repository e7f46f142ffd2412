//! `outdial batch results`: one line for each recipient.

use std::io::{self, BufWriter, Write};

use clap::Args;
use outdial::domain::BatchId;
use reqwest::Method;
use reqwest::header::{ACCEPT, LINK};
use serde::Deserialize;
use serde_json::Value;

use super::api::Api;
use super::connection::Connection;
use crate::error::Result;
use crate::output::{Format, stdout_failure};

#[derive(Args)]
#[command(after_help = "\
Without --csv, the command writes JSON lines, whatever --output says. The lines have personal data:
keep the file accordingly.")]
pub struct Arguments {
    /// The batch's `batch_id`
    id: BatchId,
    /// Write CSV with a header
    #[arg(long)]
    csv: bool,
    #[command(flatten)]
    connection: Connection,
}

/// A page of the API's list.
#[derive(Deserialize)]
pub struct Page {
    pub results: Vec<Value>,
    pub next_cursor: Option<String>,
}

/// The address of a page of results.
pub fn path(id: &str, cursor: Option<&str>) -> String {
    let cursor = cursor.map(|cursor| format!("&cursor={cursor}"));
    format!(
        "/batches/{id}/results?page_size=1000{}",
        cursor.unwrap_or_default()
    )
}

pub async fn run(arguments: Arguments, _: Format) -> Result<()> {
    let api = Api::open(&arguments.connection)?;
    let id = arguments.id.to_string();
    let mut out = BufWriter::new(io::stdout());
    let written = if arguments.csv {
        write_csv(&api, &id, &mut out).await
    } else {
        write_lines(&api, &id, &mut out).await
    };
    let written = written.and_then(|()| Ok(out.flush()?));
    written.map_err(stdout_failure)
}

async fn write_lines(api: &Api, id: &str, out: &mut impl Write) -> Result<()> {
    let mut cursor = None;
    loop {
        let request = api.request(Method::GET, &path(id, cursor.as_deref()));
        let page: Page = api.json(request).await?;
        for result in page.results {
            writeln!(out, "{result}")?;
        }
        out.flush()?;
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(()),
        }
    }
}

/// Writes the API's own CSV: the header of the first page only.
async fn write_csv(api: &Api, id: &str, out: &mut impl Write) -> Result<()> {
    let mut next = path(id, None);
    let mut is_first = true;
    loop {
        let request = api.request(Method::GET, &next).header(ACCEPT, "text/csv");
        let response = api.send(request).await?;
        let link = response
            .headers()
            .get(LINK)
            .and_then(|link| link.to_str().ok());
        let link = link.and_then(next_page).map(str::to_owned);
        let page = response.bytes().await?;
        // No name of a column has a line break.
        let header = page
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(page.len(), |at| at + 1);
        out.write_all(&page[if is_first { 0 } else { header }..])?;
        out.flush()?;
        is_first = false;
        match link {
            Some(path) => next = path,
            None => return Ok(()),
        }
    }
}

/// Returns the address in `<…>; rel="next"`.
fn next_page(link: &str) -> Option<&str> {
    let (path, rel) = link.strip_prefix('<')?.split_once('>')?;
    (rel.trim() == "; rel=\"next\"" && path.starts_with('/')).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_page_is_a_path_of_the_same_origin() {
        assert_eq!(next_page("</a?b=c>; rel=\"next\""), Some("/a?b=c"));
        for other in [
            "</a>; rel=\"prev\"",
            "<https://example.com/a>; rel=\"next\"",
            "/a",
            "",
        ] {
            assert_eq!(next_page(other), None, "{other}");
        }
    }
}
