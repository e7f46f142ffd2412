//! The recipients in a file: read and checked as a whole, and split into requests.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use outdial::csv::{Bounds, RecipientRow, RefusedRecipients, read_recipients};
use outdial::domain::CallTemplate;
use outdial::input;
use ring::digest::{Context, SHA256};

use crate::error::Result;
use crate::output::message;

/// The recipients of a file without a fault.
#[derive(Debug)]
pub struct Recipients {
    pub rows: Vec<RecipientRow>,
    /// Number of rows that repeat another one. They are not in `rows`.
    pub duplicates: usize,
    /// The script of the first recipient.
    pub first_script: String,
    /// SHA-256 of the file.
    pub digest: Vec<u8>,
}

/// The recipients of one request.
#[derive(Debug)]
pub struct Chunk {
    /// The JSON body.
    pub body: String,
    /// The line of each recipient.
    pub lines: Vec<u64>,
}

impl Recipients {
    /// Reads and checks the file. Prints each fault with its line, but no value.
    ///
    /// # Errors
    ///
    /// If the file can't be read or a row is at fault.
    pub fn read(path: &Path, template: &CallTemplate) -> Result<Self> {
        let (file, _) = input::open(path, "a CSV file of recipients")?;
        let mut file = Hashing {
            file,
            hash: Context::new(&SHA256),
        };
        let rows = match read_recipients(&mut file, Bounds::BATCH) {
            Ok(rows) => rows,
            Err(refused) => return Err(print(path, refused).into()),
        };
        let (recipients, faults) = Self::check(rows, template);
        if !faults.is_empty() {
            for fault in &faults {
                message(fault);
            }
            return Err(at_fault(path, faults.len()).into());
        }
        Ok(Self {
            digest: file.hash.finish().as_ref().to_vec(),
            ..recipients
        })
    }

    /// Renders each script and finds repeated recipients. Returns every fault.
    fn check(rows: Vec<RecipientRow>, template: &CallTemplate) -> (Self, Vec<String>) {
        let mut recipients = Self {
            rows: Vec::with_capacity(rows.len()),
            duplicates: 0,
            first_script: String::new(),
            digest: Vec::new(),
        };
        let mut faults = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        for row in rows {
            let line = row.line;
            match template.render(&row.recipient.variables) {
                Ok(rendered) if recipients.rows.is_empty() => {
                    rendered
                        .text()
                        .as_str()
                        .clone_into(&mut recipients.first_script);
                }
                Ok(_) => {}
                Err(found) => faults.extend(found.iter().map(|fault| {
                    let field = match fault.field.as_ref() {
                        "variables" => "the row",
                        field => field,
                    };
                    format!("line {line}: {field} {}", fault.message)
                })),
            }
            let place = *places
                .entry(row.recipient.identity())
                .or_insert(recipients.rows.len());
            match recipients.rows.get(place) {
                None => recipients.rows.push(row),
                Some(first) if first.recipient == row.recipient => recipients.duplicates += 1,
                Some(first) => {
                    let field = match row.recipient.external_id {
                        Some(_) => "external_id",
                        None => "to_number",
                    };
                    faults.push(format!(
                        "line {line}: {field} repeats that of line {}, with other values",
                        first.line
                    ));
                }
            }
        }
        (recipients, faults)
    }

    /// The requests that add the recipients: each has at most 1,000, and obeys the limit of the body.
    pub fn chunks(&self) -> impl Iterator<Item = Result<Chunk>> {
        let limit = usize::try_from(Bounds::REQUEST.bytes).unwrap_or(usize::MAX);
        let mut rows = self.rows.iter().peekable();
        let next = move || {
            rows.peek()?;
            let mut body = r#"{"recipients":["#.to_owned();
            let mut lines = Vec::new();
            while let Some(row) = rows.peek() {
                let recipient = match serde_json::to_string(&row.recipient) {
                    Ok(recipient) => recipient,
                    Err(error) => return Some(Err(error.into())),
                };
                let is_full = body.len() + recipient.len() + ",]}".len() > limit;
                if !lines.is_empty() && (is_full || lines.len() == Bounds::REQUEST.rows) {
                    break;
                }
                if !lines.is_empty() {
                    body.push(',');
                }
                body.push_str(&recipient);
                lines.push(row.line);
                rows.next();
            }
            body.push_str("]}");
            Some(Ok(Chunk { body, lines }))
        };
        std::iter::from_fn(next)
    }
}

/// Prints the faults of the table, and returns the error.
fn print(path: &Path, refused: RefusedRecipients) -> String {
    for fault in &refused.faults {
        message(fault);
    }
    match refused.stopped {
        Some(stopped) => format!("{}: {stopped}; nothing was sent", path.display()),
        None => at_fault(path, refused.count),
    }
}

fn at_fault(path: &Path, count: usize) -> String {
    format!("{}: faults: {count}; nothing was sent", path.display())
}

/// A file that is hashed while it is read.
struct Hashing<R> {
    file: R,
    hash: Context,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(csv: &str) -> (Recipients, Vec<String>) {
        let script = "Hello {{ name }}!".parse().unwrap();
        let template = CallTemplate::of(Some(script), None, None).unwrap();
        let rows = read_recipients(csv.as_bytes(), Bounds::BATCH).unwrap();
        Recipients::check(rows, &template)
    }

    fn many(count: usize) -> String {
        let rows = (0..count).map(|at| format!("+1212555{at:04},Ada\n"));
        format!("to_number,name\n{}", rows.collect::<Vec<_>>().concat())
    }

    #[test]
    fn faults_of_all_rows_are_named_by_line() {
        let (_, faults) = check(
            "to_number,external_id,name\n+12125550101,,Ada\n+12125550102,,\n+12125550101,,Eve\n+12125550103,7,Bob\n+12125550104,7,Bob\n",
        );
        assert_eq!(
            faults,
            [
                "line 3: the row must have name, which the script names",
                "line 4: to_number repeats that of line 2, with other values",
                "line 6: external_id repeats that of line 5, with other values",
            ]
        );
    }

    #[test]
    fn repeated_rows_are_sent_once() {
        let (recipients, faults) =
            check("to_number,name\n+12125550101,Ada\n+12125550101,Ada\n+12125550102,Bob\n");
        assert!(faults.is_empty());
        assert_eq!((recipients.rows.len(), recipients.duplicates), (2, 1));
        assert_eq!(recipients.first_script, "Hello Ada!");
    }

    #[test]
    fn chunk_has_at_most_a_thousand_recipients() {
        let (recipients, _) = check(&many(2_001));
        let chunks: Vec<_> = recipients.chunks().map(Result::unwrap).collect();
        let sizes: Vec<_> = chunks.iter().map(|chunk| chunk.lines.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 1]);
        assert_eq!((chunks[1].lines[0], chunks[2].lines[0]), (1_002, 2_002));
        let body: serde_json::Value = serde_json::from_str(&chunks[1].body).unwrap();
        assert_eq!(body["recipients"][0]["to_number"], "+12125551000");
    }

    #[test]
    fn chunk_obeys_the_limit_of_the_body() {
        // Twelve columns of 400 letters: 1,000 rows have more than the limit.
        let header = "to_number,name,a,b,c,d,e,f,g,h,i,j,k";
        let texts = format!(",{}", "x".repeat(400)).repeat(12);
        let rows = (0..2_000).map(|at| format!("+1212555{at:04}{texts}\n"));
        let csv = format!("{header}\n{}", rows.collect::<Vec<_>>().concat());
        let (recipients, _) = check(&csv);
        let chunks: Vec<_> = recipients.chunks().map(Result::unwrap).collect();
        let limit = usize::try_from(Bounds::REQUEST.bytes).unwrap();
        assert!(chunks.len() > 2 && chunks.iter().all(|chunk| chunk.body.len() <= limit));
        let sizes = chunks.iter().map(|chunk| chunk.lines.len());
        assert_eq!(sizes.sum::<usize>(), 2_000);
    }
}
