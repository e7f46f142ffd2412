//! The calling rules: which numbers may be called, when, and with which voice.

mod hours;
mod line;
mod numbering_plan;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use rlibphonenumber::Region;

use self::{
    hours::{Hours, NumberZones},
    numbering_plan::PlanEntry,
};
pub use self::{line::Line, numbering_plan::country_of};
use crate::{
    config::{CallConfig, ConfigError},
    dao::Callee,
    domain::{
        AllowedVoices, CallRefusal, OutboundCallRequest, PhoneNumber, RefusalCode, RuleError,
        Speech, Voice,
    },
};

/// The calling rules, as configured.
pub struct Rules {
    from_number: PhoneNumber,
    allowed_countries: Vec<Region>,
    /// `BLOCKED_NUMBERS`.
    configured_block_list: Vec<PhoneNumber>,
    /// `BLOCKED_NUMBERS`, and the corrections of its invalid numbers.
    block_list: OnceLock<Vec<PhoneNumber>>,
    hours: Option<Hours>,
    /// The configured voice and language.
    speech: Speech,
    allowed_voices: AllowedVoices,
}

impl Rules {
    /// Takes the configured rules. Does not read the numbering plan: [`Rules::prepare`] does.
    ///
    /// # Errors
    ///
    /// If `ALLOWED_COUNTRIES` contains a code without telephone numbers.
    pub fn new(config: &CallConfig) -> Result<Self, ConfigError> {
        let allowed_countries = config
            .allowed_countries
            .iter()
            .map(|code| {
                numbering_plan::country(code).ok_or_else(|| {
                    ConfigError::malformed(
                        "ALLOWED_COUNTRIES",
                        "ISO 3166 codes of two letters, separated by commas, such as US,CA; each of a country that has telephone numbers",
                    )
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            from_number: config.from_number.clone(),
            allowed_countries,
            configured_block_list: config.blocked_numbers.clone(),
            block_list: OnceLock::new(),
            hours: config.calling_hours.map(|hours| Hours {
                hours,
                default_zone: config.default_time_zone.clone(),
            }),
            speech: config.speech.clone(),
            allowed_voices: config.allowed_voices.clone(),
        })
    }

    /// Does the slow part ahead of the first request, in a few milliseconds: reads the numbering plan and looks up the
    /// configured block list. A request that needs them meanwhile waits.
    pub fn prepare(&self) {
        numbering_plan::read_plan();
        self.block_list();
    }

    /// Logs an invalid configured number and blocks its correction too. It does not end the init phase, because earlier
    /// versions accepted it.
    fn block_list(&self) -> &[PhoneNumber] {
        self.block_list.get_or_init(|| {
            let mut block_list = self.configured_block_list.clone();
            for (at, number) in self.configured_block_list.iter().enumerate() {
                if PlanEntry::of(number).is_none() {
                    let entry = at + 1;
                    tracing::error!(entry, %number, "invalid number in BLOCKED_NUMBERS");
                    block_list.extend(line::corrected(number));
                }
            }
            block_list
        })
    }

    /// Checks whether this user may call this line at this time. Permanent refusals come before temporary ones.
    ///
    /// # Errors
    ///
    /// The refusal by the first rule that fails.
    pub fn check(&self, line: &Line, callee: &Callee, now: DateTime<Utc>) -> Result<(), RuleError> {
        let number = line.number();
        let entry = self.check_number(line)?;
        self.check_block_list(line, callee)?;
        if !callee.dialing.on {
            return Err(RuleError::Refused(CallRefusal::DialingOff {
                cause: callee.dialing.to_string(),
            }));
        }
        match &self.hours {
            Some(hours) => {
                let zones = NumberZones::of(number, entry);
                hours.check(callee.user.time_zone.as_ref(), zones, now)
            }
            None => Ok(()),
        }
    }

    fn check_number(&self, line: &Line) -> Result<PlanEntry, CallRefusal> {
        let to = line.number();
        if line.spellings().contains(&self.from_number) {
            return Err(CallRefusal::of_number(
                RefusalCode::OwnNumber,
                "must not be the number that calls come from",
            ));
        }
        if numbering_plan::is_of_a_network(to) {
            return Err(CallRefusal::of_number(
                RefusalCode::NumberTypeNotAllowed,
                "must not belong to a satellite or international network",
            ));
        }
        let entry = plan_entry(to)
            .map_err(|message| CallRefusal::of_number(RefusalCode::NumberNotValid, message))?;
        if !entry.is_ordinary(to) {
            return Err(CallRefusal::of_number(
                RefusalCode::NumberTypeNotAllowed,
                "must be a fixed-line, mobile, toll-free or VoIP number: premium-rate, shared-cost, personal, company \
                 and pager numbers are refused",
            ));
        }
        if self.allowed_countries.contains(&entry.country) {
            return Ok(entry);
        }
        let allowed: Vec<_> = self
            .allowed_countries
            .iter()
            .map(Region::to_string)
            .collect();
        Err(CallRefusal::of_number(
            RefusalCode::CountryNotAllowed,
            format!("must be in an allowed country: {}", allowed.join(", ")),
        ))
    }

    fn check_block_list(&self, line: &Line, callee: &Callee) -> Result<(), CallRefusal> {
        let configured = self.block_list();
        let configured = line
            .spellings()
            .iter()
            .find(|spelling| configured.contains(spelling));
        let Some(spelling) = callee.blocked_as.as_ref().or(configured) else {
            return Ok(());
        };
        let message = if spelling == line.number() {
            "is on the block list".to_owned()
        } else {
            format!("is on the block list as {}", spelling.as_str())
        };
        Err(CallRefusal::of_number(RefusalCode::NumberBlocked, message))
    }

    /// Checks the request's voice and language.
    ///
    /// # Errors
    ///
    /// `voice_not_allowed` if the voice is not in `ALLOWED_VOICES`; without a voice, this goes for the language's default voice.
    /// `language_not_supported` if the request has no voice and no known voice speaks its language.
    pub fn check_speech(&self, request: &OutboundCallRequest) -> Result<(), CallRefusal> {
        let (voice, language) = (request.voice.as_ref(), request.language.as_ref());
        let Some(speech) = self.speech.of_call(voice, language) else {
            return Err(CallRefusal::of_field(
                RefusalCode::LanguageNotSupported,
                "language",
                "must be a language that Twilio speaks, such as ja-JP, or come with a voice that speaks it",
            ));
        };
        if self.is_allowed(&speech.voice) {
            return Ok(());
        }
        let allowed = &self.allowed_voices;
        let (field, message) = match (voice, language) {
            (None, Some(language)) => (
                "language",
                format!(
                    "needs a voice: the default voice for {}, {}, is not allowed; allowed voices are {allowed}",
                    language.as_str(),
                    speech.voice.as_str()
                ),
            ),
            _ => (
                "voice",
                format!("must be an allowed voice; allowed voices are {allowed}"),
            ),
        };
        let code = RefusalCode::VoiceNotAllowed;
        Err(CallRefusal::of_field(code, field, message))
    }

    /// Returns true if a call may use the voice. The configured voice is the operator's choice, so its class does not matter.
    fn is_allowed(&self, voice: &Voice) -> bool {
        self.allowed_voices.contain(voice)
            || voice
                .as_str()
                .eq_ignore_ascii_case(self.speech.voice.as_str())
    }
}

/// Checks that a number is valid, so that it can be called or blocked.
///
/// # Errors
///
/// A message for the client, with the correct spelling if there is exactly one.
pub fn validate(number: &PhoneNumber) -> Result<(), String> {
    plan_entry(number).map(|_| ())
}

fn plan_entry(number: &PhoneNumber) -> Result<PlanEntry, String> {
    PlanEntry::of(number).ok_or_else(|| match line::corrected(number) {
        Some(correct) => format!("must be written {} in E.164 format", correct.as_str()),
        None => "must be a valid number: no country's numbering plan contains it".to_owned(),
    })
}
