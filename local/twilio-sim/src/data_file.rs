//! The data file, which keeps calls, recordings and the record of dials for the next run. For each SID or number, the last of
//! its JSON lines counts.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::dials::Dial;
use crate::model::{Call, Recording, Service, Transcript};

/// A line of the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The address of the run that wrote the file. The first line.
    Address(SocketAddr),
    /// The state of a call.
    Call(Box<Call>),
    /// The state of a recording.
    Recording(Box<Recording>),
    /// The state of a request to create a call.
    Dial(Box<Dial>),
    /// An Intelligence service.
    Service(Box<Service>),
    /// The state of a transcript.
    Transcript(Box<Transcript>),
    /// The SID of a deleted call.
    CallDeleted(String),
    /// The SID of a deleted recording.
    RecordingDeleted(String),
    /// The SID of a deleted transcript.
    TranscriptDeleted(String),
}

/// Returns an [`Entry::Address`] as JSON.
#[must_use]
pub fn address(address: SocketAddr) -> Value {
    json!({ "address": address })
}

/// Returns an [`Entry::Call`] as JSON.
#[must_use]
pub fn call(call: &Call) -> Value {
    json!({ "call": call })
}

/// Returns an [`Entry::Recording`] as JSON.
#[must_use]
pub fn recording(recording: &Recording) -> Value {
    json!({ "recording": recording })
}

/// Returns an [`Entry::Dial`] as JSON.
#[must_use]
pub fn dial(dial: &Dial) -> Value {
    json!({ "dial": dial })
}

/// Returns an [`Entry::Service`] as JSON.
#[must_use]
pub fn service(service: &Service) -> Value {
    json!({ "service": service })
}

/// Returns an [`Entry::Transcript`] as JSON.
#[must_use]
pub fn transcript(transcript: &Transcript) -> Value {
    json!({ "transcript": transcript })
}

/// Returns an [`Entry::TranscriptDeleted`] as JSON.
#[must_use]
pub fn transcript_deleted(sid: &str) -> Value {
    json!({ "transcript_deleted": sid })
}

/// Returns an [`Entry::CallDeleted`] as JSON.
#[must_use]
pub fn call_deleted(sid: &str) -> Value {
    json!({ "call_deleted": sid })
}

/// Returns an [`Entry::RecordingDeleted`] as JSON.
#[must_use]
pub fn recording_deleted(sid: &str) -> Value {
    json!({ "recording_deleted": sid })
}

/// Returns the address of the run that wrote the file, or `None` if there is no file or no address in it.
#[must_use]
pub fn earlier_address(path: &Path) -> Option<SocketAddr> {
    let mut line = String::new();
    let file = File::open(path).ok()?;
    BufReader::new(file).read_line(&mut line).ok()?;
    match serde_json::from_str(&line) {
        Ok(Entry::Address(address)) => Some(address),
        _ => None,
    }
}

/// Reads the file. A missing file is empty; an incomplete last line is skipped.
///
/// # Errors
///
/// If the file can't be read or another line is not an entry. The message names the file.
pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(with_path(path, &error)),
    };
    let end = bytes.iter().rposition(|&byte| byte == b'\n');
    let complete = &bytes[..end.unwrap_or_default()];
    let lines = complete.split(|&byte| byte == b'\n').zip(1..);
    let entries = lines.filter(|(line, _)| !line.is_empty());
    let entries = entries.map(|(line, number)| {
        serde_json::from_slice(line).map_err(|_| {
            let what = format!("line {number} is not a twilio-sim entry");
            with_path(path, &io::Error::new(ErrorKind::InvalidData, what))
        })
    });
    entries.collect()
}

/// The open data file. Each change appends a line; each start rewrites the file.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Rewrites the file with these entries. Only its owner can read it, because it contains numbers and scripts.
    ///
    /// # Errors
    ///
    /// If the file can't be written. The message names the file.
    pub fn create(path: &Path, entries: impl Iterator<Item = Value>) -> io::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let new = PathBuf::from(name);
        let write = || {
            let mut file = File::options()
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&new)?;
            let mut text = String::new();
            for entry in entries {
                text.push_str(&entry.to_string());
                text.push('\n');
            }
            file.write_all(text.as_bytes())?;
            fs::rename(&new, path)?;
            Ok(file)
        };
        let file = write().map_err(|error| with_path(path, &error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Appends an entry. If that fails, it prints the error; calls continue.
    pub fn write(&mut self, entry: &Value) {
        if let Err(error) = self.file.write_all(format!("{entry}\n").as_bytes()) {
            eprintln!("twilio-sim: {}", with_path(&self.path, &error));
        }
    }
}

fn with_path(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
