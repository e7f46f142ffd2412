//! The words of a batch from files: a script or steps, and a message for machines.

use std::path::{Path, PathBuf};

use clap::Args;
use outdial::domain::{
    CallTemplate, Prompt, Script, ScriptTemplate, Steps, Voicemail, VoicemailAction,
};
use outdial::http::read_value;
use outdial::input;
use serde_json::{Value, json};

use crate::error::Result;

#[derive(Args)]
pub struct WordsFiles {
    /// Read the script from this file: text with `{{ variables }}`
    #[arg(
        long = "script-file",
        value_name = "FILE",
        required_unless_present = "steps"
    )]
    script: Option<PathBuf>,
    /// Read the steps from this JSON file, instead of a script; their texts may have `{{ variables }}`
    #[arg(long = "steps-file", value_name = "FILE", conflicts_with = "script")]
    steps: Option<PathBuf>,
    /// Leave the text of this file on answering machines; it may have `{{ variables }}`
    #[arg(
        long = "message-file",
        value_name = "FILE",
        conflicts_with = "machine_detection"
    )]
    message: Option<PathBuf>,
}

/// The words, read and checked.
pub struct Words {
    script: Option<ScriptTemplate>,
    steps: Option<Steps>,
    voicemail: Option<Voicemail>,
    /// The template of a call.
    pub template: CallTemplate,
}

impl Words {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// If a file can't be read, or its content is not valid.
    pub fn read(files: &WordsFiles) -> Result<Self> {
        let script = files.script.as_deref().map(script).transpose()?;
        let steps = files.steps.as_deref().map(steps).transpose()?;
        let voicemail = files.message.as_deref().map(message).transpose()?;
        let template = CallTemplate::of(script.clone(), steps.as_ref(), voicemail.as_ref());
        let template = template.map_err(|faults| {
            let faults = faults.iter();
            let faults = faults.map(|fault| format!("{} {}", fault.field, fault.message));
            faults.collect::<Vec<_>>().join("; ")
        })?;
        Ok(Self {
            script,
            steps,
            voicemail,
            template,
        })
    }

    /// Adds the words to the body of a request.
    pub fn add_to(&self, body: &mut Value) {
        if let Some(script) = &self.script {
            body["script"] = json!(script);
        }
        if let Some(steps) = &self.steps {
            body["steps"] = json!(steps);
        }
        if let Some(voicemail) = &self.voicemail {
            body["voicemail"] = json!(voicemail);
        }
    }
}

/// Reads a text. Editors on Windows begin a file with a byte order mark.
fn text(path: &Path, what: &str) -> Result<String> {
    let text = input::text(path, what)?;
    Ok(text.trim_start_matches('\u{feff}').trim_end().to_owned())
}

fn script(path: &Path) -> Result<ScriptTemplate> {
    let script: std::result::Result<ScriptTemplate, _> = text(path, "a script")?.parse();
    script.map_err(|error| format!("{}: the script {error}", path.display()).into())
}

/// Reads a message for machines.
fn message(path: &Path) -> Result<Voicemail> {
    let message: std::result::Result<Script, _> = text(path, "a message")?.parse();
    let message = message.map_err(|error| format!("{}: the message {error}", path.display()))?;
    Ok(Voicemail {
        action: VoicemailAction::LeaveMessage,
        message: Some(Prompt::of_text(message)),
    })
}

/// Reads a list of steps.
fn steps(path: &Path) -> Result<Steps> {
    let shown = path.display();
    let text = text(path, "steps")?;
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("{shown}: not valid JSON: error at line {line}, column {column}")
    })?;
    read_value(value).map_err(|errors| {
        let (errors, _) = errors.into_parts();
        let errors = errors.iter();
        let errors = errors.map(|error| format!("steps{} {}", error.field, error.message));
        format!("{shown}: {}", errors.collect::<Vec<_>>().join("; ")).into()
    })
}
