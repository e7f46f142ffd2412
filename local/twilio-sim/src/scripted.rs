//! Called parties from a file: how each number behaves.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::answerer::{Answerer, Greeting};
use crate::callee::Callee;
use crate::phone_number::e164;
use crate::presses::Presses;

/// The behaviour of called parties by number, in place of what the number means otherwise.
#[derive(Clone, Debug, Default)]
pub struct Scripted(BTreeMap<String, Script>);

/// The behaviour of one called party. A missing field keeps the behaviour that the number has by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    /// The keys at each Gather.
    #[serde(default)]
    presses: Option<Presses>,
    /// The words at a Gather for speech.
    #[serde(default)]
    says: Option<String>,
    /// What the called party says during the call, whatever it hears.
    #[serde(default)]
    remarks: Option<Vec<Remark>>,
    /// Seconds from the answer to the hang-up.
    #[serde(default)]
    hangs_up_after_seconds: Option<f64>,
    /// Who picks up.
    #[serde(default)]
    answerer: Option<Answerer>,
    /// Seconds from the answer to the end of a machine's greeting.
    #[serde(default)]
    greeting_seconds: Option<f64>,
    /// Whether the greeting ends with a beep.
    #[serde(default)]
    beeps: Option<bool>,
    /// Whom machine detection takes the called party for.
    #[serde(default)]
    detected_as: Option<Answerer>,
    /// Seconds from the answer to the result of machine detection.
    #[serde(default)]
    detected_after_seconds: Option<f64>,
    /// Seconds from the connection by a Dial to the hang-up.
    #[serde(default)]
    talks_seconds: Option<f64>,
}

/// Words that a called party says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Remark {
    /// Seconds from the answer.
    after_seconds: f64,
    words: String,
}

impl Scripted {
    /// Reads a JSON object: `{"+12125550123": {"presses": ["", "WW1"], "hangs_up_after_seconds": 20}}`.
    ///
    /// # Errors
    ///
    /// The reason why it is malformed.
    pub fn parse(json: &[u8]) -> Result<Self, String> {
        let scripts: BTreeMap<String, Script> =
            serde_json::from_slice(json).map_err(|error| error.to_string())?;
        for (number, script) in &scripts {
            if e164(number).as_deref() != Some(number) {
                return Err(format!(
                    "{number:?} must be in E.164 format, for example +12125550123"
                ));
            }
            script.check(number)?;
        }
        Ok(Self(scripts))
    }

    /// Returns the called party with what its script changes.
    #[must_use]
    pub fn apply(&self, number: &str, callee: Callee) -> Callee {
        let Some(script) = self.0.get(number) else {
            return callee;
        };
        let time = |seconds: Option<f64>| seconds.map(Duration::from_secs_f64);
        let greeting = callee.greeting;
        let remarks = script.remarks.as_ref().map(|remarks| {
            let timed = |remark: &Remark| {
                let after = Duration::from_secs_f64(remark.after_seconds);
                (after, remark.words.clone())
            };
            remarks.iter().map(timed).collect()
        });
        Callee {
            remarks: remarks.unwrap_or(callee.remarks),
            presses: script.presses.clone().unwrap_or(callee.presses),
            says: script.says.clone().or(callee.says),
            hangs_up_after: time(script.hangs_up_after_seconds).or(callee.hangs_up_after),
            answerer: script.answerer.unwrap_or(callee.answerer),
            greeting: Greeting {
                length: time(script.greeting_seconds).unwrap_or(greeting.length),
                beeps: script.beeps.unwrap_or(greeting.beeps),
            },
            detected_as: script.detected_as.or(callee.detected_as),
            detected_after: time(script.detected_after_seconds).or(callee.detected_after),
            talks: time(script.talks_seconds).unwrap_or(callee.talks),
            ..callee
        }
    }
}

impl Script {
    /// Checks that each time is within a day.
    fn check(&self, number: &str) -> Result<(), String> {
        for (field, seconds) in [
            ("hangs_up_after_seconds", self.hangs_up_after_seconds),
            ("talks_seconds", self.talks_seconds),
            ("greeting_seconds", self.greeting_seconds),
            ("detected_after_seconds", self.detected_after_seconds),
        ] {
            if !(0.0..=86_400.0).contains(&seconds.unwrap_or_default()) {
                return Err(format!("{field} of {number} must be between 0 and 86400"));
            }
        }
        let mut remarks = self.remarks.iter().flatten();
        if remarks.any(|remark| !(0.0..=86_400.0).contains(&remark.after_seconds)) {
            return Err(format!(
                "after_seconds of {number} must be between 0 and 86400"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_scripts_are_refused() {
        for (json, problem) in [
            ("[]", "invalid type"),
            (r#"{"1": {}}"#, "E.164"),
            (r#"{"+12125550123": {"presses": ["x"]}}"#, "only 0-9"),
            (r#"{"+12125550123": {"press": []}}"#, "unknown field"),
            (
                r#"{"+12125550123": {"hangs_up_after_seconds": -1}}"#,
                "between",
            ),
            (
                r#"{"+12125550123": {"greeting_seconds": 1e9}}"#,
                "greeting_seconds of",
            ),
            (
                r#"{"+12125550123": {"answerer": "robot"}}"#,
                "unknown variant",
            ),
            (
                r#"{"+12125550123": {"talks_seconds": 86401}}"#,
                "talks_seconds",
            ),
            (
                r#"{"+12125550123": {"remarks": [{"after_seconds": -1, "words": "Hi"}]}}"#,
                "after_seconds",
            ),
        ] {
            let error = Scripted::parse(json.as_bytes()).unwrap_err();
            assert!(error.contains(problem), "{json}: {error}");
        }
    }
}
