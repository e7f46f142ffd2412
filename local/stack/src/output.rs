//! The output of child processes: shown line by line with the process's name, or written to a file.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::Result;

const COLOURS: [&str; 6] = ["36", "33", "35", "32", "34", "96"];

/// The destination of child processes' output.
#[derive(Clone, Debug)]
pub enum Output {
    /// To the terminal, interleaved, with JSON log lines in a readable form.
    Terminal {
        /// True colours names and levels.
        colour: bool,
    },
    /// To standard error, while standard output gets the command's result.
    Stderr,
    /// To this file, unchanged after the process's name.
    File(Arc<LogFile>),
    /// To this file by the processes themselves, byte for byte.
    Verbatim(Arc<File>),
}

/// A log that several processes write to.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl Output {
    /// Output to standard output, in colour if that is a terminal.
    #[must_use]
    pub fn terminal() -> Self {
        Self::Terminal {
            colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// Output to a new file.
    ///
    /// # Errors
    ///
    /// When the file can't be created.
    pub fn file(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Self::File(Arc::new(LogFile {
            path: path.to_path_buf(),
            file: Mutex::new(File::create(path)?),
        })))
    }

    /// Output appended to a file.
    ///
    /// # Errors
    ///
    /// When the file can't be opened.
    pub fn verbatim(path: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self::Verbatim(Arc::new(file)))
    }

    /// The standard output or error of a child process.
    fn stdio(&self) -> std::io::Result<Stdio> {
        match self {
            Self::Verbatim(file) => Ok(file.try_clone()?.into()),
            Self::Terminal { .. } | Self::Stderr | Self::File(_) => Ok(Stdio::piped()),
        }
    }

    /// Writes one line of a process.
    pub fn line(&self, name: &str, line: &str) {
        match self {
            Self::Terminal { colour } => {
                let colour = colour.then(|| colour_of(name));
                println!(
                    "{} {}",
                    paint(&format!("{name:<14}│"), colour),
                    readable(line, colour.is_some())
                );
            }
            Self::Stderr => eprintln!("{name:<14}│ {}", readable(line, false)),
            Self::File(log) => {
                let mut file = log.file.lock().unwrap_or_else(PoisonError::into_inner);
                // A full disk must not stop the processes.
                let _ = writeln!(file, "{name:<14}| {line}");
            }
            Self::Verbatim(file) => {
                let _ = writeln!(&**file, "{line}");
            }
        }
    }

    /// Writes every line of a stream until its end, in a task of its own.
    pub fn follow(&self, name: &str, stream: impl AsyncRead + Send + Unpin + 'static) {
        let (output, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            let mut reader = BufReader::new(stream);
            let mut bytes = Vec::new();
            while reader
                .read_until(b'\n', &mut bytes)
                .await
                .is_ok_and(|read| read > 0)
            {
                output.line(&name, String::from_utf8_lossy(&bytes).trim_end());
                bytes.clear();
            }
        });
    }

    /// Starts a child process whose output goes here under its name.
    ///
    /// # Errors
    ///
    /// When its program can't be started.
    pub fn spawn(&self, name: &str, command: &mut Command) -> Result<Child> {
        let mut child = command
            .stdout(self.stdio()?)
            .stderr(self.stdio()?)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        if let Some(stdout) = child.stdout.take() {
            self.follow(name, stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            self.follow(name, stderr);
        }
        Ok(child)
    }

    /// Returns the last lines of the log file to add to an error message. Empty if the output is on the screen.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> String {
        let Self::File(log) = self else {
            return String::new();
        };
        let text = std::fs::read_to_string(&log.path).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        if lines.is_empty() {
            return String::new();
        }
        let tail = lines[lines.len().saturating_sub(count)..].join("\n");
        format!("\nThe end of {}:\n{tail}", log.path.display())
    }
}

/// A JSON log line or metric line in a readable form. Other lines stay unchanged.
fn readable(line: &str, colour: bool) -> String {
    let Ok(Value::Object(mut log)) = serde_json::from_str::<Value>(line) else {
        return line.to_owned();
    };
    if log.remove("_aws").is_some() {
        for dimension in ["Stack", "Function"] {
            log.remove(dimension);
        }
        let counted = format!("counted {}", pairs(&log));
        return paint(&counted, colour.then_some("2"));
    }
    let Some(level) = text_of(&mut log, "level") else {
        return line.to_owned();
    };
    let time = text_of(&mut log, "timestamp").or_else(|| text_of(&mut log, "time"));
    let clock = time
        .as_deref()
        .and_then(|time| time.get(11..23))
        .unwrap_or_default();
    for noise in ["target", "function", "name"] {
        log.remove(noise);
    }
    let message = text_of(&mut log, "message").unwrap_or_default();
    let level_colour = match level.as_str() {
        "ERROR" => "31",
        "WARN" => "33",
        "INFO" => "32",
        _ => "2",
    };
    format!(
        "{clock} {} {message} {}",
        paint(&format!("{level:<5}"), colour.then_some(level_colour)),
        paint(&pairs(&log), colour.then_some("2"))
    )
    .trim_end()
    .to_owned()
}

fn pairs(members: &Map<String, Value>) -> String {
    let pairs: Vec<_> = members
        .iter()
        .map(|(key, value)| match value {
            Value::String(text) => format!("{key}={text}"),
            other => format!("{key}={other}"),
        })
        .collect();
    pairs.join(" ")
}

fn text_of(log: &mut Map<String, Value>, key: &str) -> Option<String> {
    match log.remove(key)? {
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

fn paint(text: &str, colour: Option<&str>) -> String {
    match colour {
        Some(code) => format!("\x1b[{code}m{text}\x1b[0m"),
        None => text.to_owned(),
    }
}

fn colour_of(name: &str) -> &'static str {
    COLOURS[name.bytes().map(usize::from).sum::<usize>() % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn json_log_line_becomes_readable() {
        let line = r#"{"timestamp":"2026-01-02T03:04:05.678901Z","level":"INFO","message":"dialled","elapsed_ms":12,"target":"x","function":"users","call_id":"c1","name":"request"}"#;
        assert_eq!(
            readable(line, false),
            "03:04:05.678 INFO  dialled call_id=c1 elapsed_ms=12"
        );
    }

    #[test]
    fn metric_line_becomes_readable() {
        let line = r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[]},"Stack":"local","Function":"users","Rule":"daily_cap","RefusedCalls":1}"#;
        assert_eq!(
            readable(line, false),
            "counted RefusedCalls=1 Rule=daily_cap"
        );
    }

    #[test]
    fn other_lines_stay_unchanged() {
        for line in ["thread 'main' panicked", "[1, 2]", r#"{"no": "level"}"#, ""] {
            assert_eq!(readable(line, true), line);
        }
    }
}
