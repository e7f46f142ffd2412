//! The options of a batch, and the request that they make.

use std::path::PathBuf;

use clap::Args;
use outdial::domain::{
    BatchName, InvalidValue, Language, MachineDetection, Pace, RequestedTime, RetryReason,
    RetryRequest, Voice,
};
use serde_json::{Value, json};

use super::words::{Words, WordsFiles};

use crate::error::Result;

#[derive(Args)]
pub struct Options {
    /// A CSV file of recipients, with a header
    pub file: PathBuf,
    /// The `id` of the user whom the calls are for; default: the only user of the service
    #[arg(long, value_name = "ID")]
    pub user: Option<String>,
    #[command(flatten)]
    pub words: WordsFiles,
    /// Name of the batch, instead of the file's
    #[arg(long)]
    name: Option<BatchName>,
    /// Dial from this time on, which has an offset: 2026-12-01T09:00-05:00
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<RequestedTime>,
    /// Dial no call at this time or later; default: after seven days
    #[arg(long, value_name = "TIME", value_parser = time)]
    expires: Option<RequestedTime>,
    /// The most calls to dial in a second
    #[arg(long, value_name = "NUMBER")]
    per_second: Option<Pace>,
    /// The most attempts for each recipient, the first included
    #[arg(long, value_name = "ATTEMPTS", value_parser = clap::value_parser!(u32).range(1..=i64::from(RetryRequest::MAX_ATTEMPTS)))]
    retry: Option<u32>,
    /// Seconds between attempts; the last one repeats
    #[arg(
        long,
        value_name = "SECONDS",
        value_delimiter = ',',
        requires = "retry",
        value_parser = clap::value_parser!(u32).range(..=i64::from(RetryRequest::MAX_DELAY_SECONDS))
    )]
    retry_delays: Option<Vec<u32>>,
    /// Ends to try again after: busy, no-answer, failed, voicemail, `no_input`
    #[arg(long, value_name = "END", value_delimiter = ',', requires = "retry")]
    retry_on: Option<Vec<RetryReason>>,
    /// Answering machine detection: Enable or `DetectMessageEnd`
    #[arg(long, value_name = "MODE")]
    machine_detection: Option<MachineDetection>,
    /// Record the calls
    #[arg(long)]
    record: bool,
    /// Transcribe the recordings
    #[arg(long, requires = "record")]
    transcribe: bool,
    /// Voice, which must be allowed
    #[arg(long)]
    voice: Option<Voice>,
    /// Language of the script
    #[arg(long, value_name = "TAG")]
    language: Option<Language>,
}

impl Options {
    /// The name of the batch: by default that of the file.
    pub fn name(&self) -> Result<String> {
        if let Some(name) = &self.name {
            return Ok(name.as_str().to_owned());
        }
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        let name: BatchName = file
            .parse()
            .map_err(|error| format!("the file's name {error}: pass --name"))?;
        Ok(name.as_str().to_owned())
    }

    /// Describes when the calls start, for the confirmation prompt.
    pub fn time(&self) -> String {
        match &self.at {
            Some(at) => format!("from {}", at.as_str()),
            None => "now".to_owned(),
        }
    }

    /// The body of `POST /batches`. It has the options that are set, so that the service's defaults apply to the others.
    pub fn body(&self, name: &str, user: &str, words: &Words) -> Value {
        let mut body = json!({ "name": name, "user_id": user });
        words.add_to(&mut body);
        let mut set = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                body[field] = value;
            }
        };
        set("scheduled_at", self.at.as_ref().map(|at| json!(at)));
        set("expires_at", self.expires.as_ref().map(|at| json!(at)));
        set(
            "calls_per_second",
            self.per_second.map(|pace| json!(pace.dials_per_second())),
        );
        set("retry", self.retry());
        set(
            "machine_detection",
            self.machine_detection.map(|mode| json!(mode)),
        );
        set("recording_enabled", self.record.then_some(json!(true)));
        set("transcribe", self.transcribe.then_some(json!(true)));
        set("voice", self.voice.as_ref().map(|voice| json!(voice)));
        set(
            "language",
            self.language.as_ref().map(|language| json!(language)),
        );
        body
    }

    fn retry(&self) -> Option<Value> {
        let mut retry = json!({ "max_attempts": self.retry? });
        if let Some(delays) = &self.retry_delays {
            retry["delays_seconds"] = json!(delays);
        }
        if let Some(on) = &self.retry_on {
            retry["on"] = json!(on);
        }
        Some(retry)
    }
}

/// Parses a time with an offset. It may end with the minutes.
fn time(text: &str) -> Result<RequestedTime, InvalidValue> {
    const MINUTES: usize = "2026-12-01T09:00".len();
    match text.split_at_checked(MINUTES) {
        Some((minutes, offset)) if !offset.starts_with(':') => {
            format!("{minutes}:00{offset}").parse()
        }
        _ => text.parse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_may_lack_its_seconds_but_not_its_offset() {
        let sent = |text| time(text).map(|time| time.as_str().to_owned());
        for (text, wanted) in [
            ("2026-12-01T09:00-05:00", "2026-12-01T09:00:00-05:00"),
            ("2026-12-01T09:00Z", "2026-12-01T09:00:00Z"),
            ("2026-12-01T09:00:30+01:00", "2026-12-01T09:00:30+01:00"),
        ] {
            assert_eq!(sent(text).as_deref(), Ok(wanted), "{text}");
        }
        for wrong in [
            "2026-12-01T09:00",
            "2026-12-01T09:00:00",
            "2026-12-01",
            "tomorrow",
            "",
        ] {
            let error = sent(wrong).unwrap_err().to_string();
            assert!(error.contains("offset"), "{wrong}: {error}");
        }
    }
}
