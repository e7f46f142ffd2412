//! `outdial batch list`: all batches, newest first.

use std::fmt;

use clap::Args;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::Api;
use super::connection::Connection;
use super::read::Batch;
use crate::error::Result;
use crate::output::Format;

#[derive(Args)]
pub struct Arguments {
    /// The most batches to list
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    connection: Connection,
}

/// A page of the API's list.
#[derive(Deserialize)]
struct Page {
    batches: Vec<Value>,
    next_cursor: Option<String>,
}

/// The batches, as the API sent them.
#[derive(Serialize)]
#[serde(transparent)]
struct Batches(Vec<Value>);

impl fmt::Display for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |batch: &Value| match Batch::of(batch) {
            Ok(batch) => batch.to_string(),
            Err(error) => error.to_string(),
        };
        let lines: Vec<_> = self.0.iter().map(line).collect();
        if lines.is_empty() {
            return f.write_str("no batches");
        }
        f.write_str(&lines.join(
            "
",
        ))
    }
}

pub async fn run(arguments: Arguments, format: Format) -> Result<()> {
    let api = Api::open(&arguments.connection)?;
    let mut batches = Vec::new();
    let mut cursor = None;
    loop {
        let mut request = api.request(Method::GET, "/batches");
        let left = arguments.limit.saturating_sub(batches.len()).clamp(1, 100);
        request = request.query(&[("page_size", left.to_string())]);
        if let Some(cursor) = &cursor {
            request = request.query(&[("cursor", cursor)]);
        }
        let page: Page = api.json(request).await?;
        batches.extend(page.batches);
        cursor = page.next_cursor;
        if cursor.is_none() || batches.len() >= arguments.limit {
            batches.truncate(arguments.limit);
            return format.print(&Batches(batches));
        }
    }
}
