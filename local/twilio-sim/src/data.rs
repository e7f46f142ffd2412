//! The file that keeps calls and recordings for the next run: JSON lines, of which the last about a SID holds.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::model::{Call, Recording, Status};

/// A line of the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Where the run listened that wrote the file: its first line.
    Address(SocketAddr),
    /// A call as it stands.
    Call(Box<Call>),
    /// A recording as it stands.
    Recording(Box<Recording>),
    /// The SID of a call that is gone.
    CallDeleted(String),
    /// The SID of a recording that is gone.
    RecordingDeleted(String),
}

/// The line of an address.
#[must_use]
pub fn address(address: SocketAddr) -> Value {
    json!({ "address": address })
}

/// The line of a call.
#[must_use]
pub fn call(call: &Call) -> Value {
    json!({ "call": call })
}

/// The line of a recording.
#[must_use]
pub fn recording(recording: &Recording) -> Value {
    json!({ "recording": recording })
}

/// The line that takes a call away.
#[must_use]
pub fn call_deleted(sid: &str) -> Value {
    json!({ "call_deleted": sid })
}

/// The line that takes a recording away.
#[must_use]
pub fn recording_deleted(sid: &str) -> Value {
    json!({ "recording_deleted": sid })
}

/// Where the run listened that wrote the file, if there is one and it says so.
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

/// Reads the file, if there is one. A last line that was cut off is passed over.
///
/// # Errors
///
/// Where it can't be read, or another line isn't an entry. The error names the file.
pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(named(path, &error)),
    };
    let end = bytes.iter().rposition(|&byte| byte == b'\n');
    let whole = &bytes[..end.unwrap_or_default()];
    let lines = whole.split(|&byte| byte == b'\n').zip(1..);
    let entries = lines.filter(|(line, _)| !line.is_empty());
    let entries = entries.map(|(line, number)| {
        serde_json::from_slice(line).map_err(|_| {
            let what = format!("line {number} isn't an entry of twilio-sim");
            named(path, &io::Error::new(ErrorKind::InvalidData, what))
        })
    });
    entries.collect()
}

impl Call {
    /// Ends a call that nobody plays any more, at its last change: completed if it was answered, otherwise failed. Returns whether
    /// it was under way.
    pub fn break_off(&mut self) -> bool {
        if self.status.has_ended() {
            return false;
        }
        let answered = self.answered.unwrap_or(self.updated);
        let lasted = (self.updated - answered).num_seconds();
        self.status = if self.answered.is_some() {
            Status::Completed
        } else {
            Status::Failed
        };
        self.duration = Some(u64::try_from(lasted).unwrap_or_default());
        self.ended = Some(self.updated);
        true
    }
}

impl Recording {
    /// Ends a recording of a call that nobody plays any more. One that still ran has no audio. Returns whether it
    /// was under way.
    pub fn break_off(&mut self) -> bool {
        match &*self.status {
            "processing" => self.process(),
            "in-progress" => self.status = "absent".into(),
            _ => return false,
        }
        true
    }
}

/// The file while the simulator runs. It grows until the next start, which writes it anew.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Writes the file anew, with these entries. Only its owner may read it: it has numbers and scripts.
    ///
    /// # Errors
    ///
    /// Where it can't be written. The error names the file.
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
        let file = write().map_err(|error| named(path, &error))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Adds an entry. Calls go on without it where that fails.
    pub fn write(&mut self, entry: &Value) {
        if let Err(error) = self.file.write_all(format!("{entry}\n").as_bytes()) {
            eprintln!("twilio-sim: {}", named(&self.path, &error));
        }
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
