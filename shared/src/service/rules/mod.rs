//! The calling rules: which numbers may be called, when, and with which voice.

mod audio;
mod content;
mod hours;
mod line;
mod number_zones;
mod numbering_plan;
mod opening;
mod price;
mod speech;
mod temporary;
#[cfg(test)]
mod tests;
mod transfers;

use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use rlibphonenumber::Region;

pub use self::{
    content::{Content, ContentFault},
    line::Line,
    numbering_plan::country_of,
    transfers::{looked_up, transfer_lines},
};
use self::{hours::Hours, numbering_plan::PlanEntry, speech::SpeechRules};
use crate::{
    config::{CallConfig, ConfigError, OpeningConfig},
    dao::Callee,
    domain::{
        AudioHosts, CallRefusal, CallingCalendar, Language, PhoneNumber, RefusalCode, RuleError,
        SpeechPrice, TranscriptionServices, Voice,
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
    speech: SpeechRules,
    opening: OpeningConfig,
    audio_hosts: AudioHosts,
    services: TranscriptionServices,
    max_speech_price: Option<SpeechPrice>,
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
            hours: CallingCalendar::new(config.calling_hours.clone(), config.holidays.clone()).map(
                |calendar| Hours {
                    calendar,
                    default_zone: config.default_time_zone.clone(),
                },
            ),
            speech: SpeechRules {
                speech: config.speech.clone(),
                allowed_voices: config.allowed_voices.clone(),
            },
            opening: config.opening.clone(),
            audio_hosts: config.audio_hosts.clone(),
            services: config.transcription_services.clone(),
            max_speech_price: config.max_speech_price,
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

    /// Checks whether this user may be called on this line now: the permanent rules, then the temporary ones in the user's own
    /// time zone.
    ///
    /// # Errors
    ///
    /// The refusal by the first rule that fails.
    pub fn check(&self, line: &Line, callee: &Callee, now: DateTime<Utc>) -> Result<(), RuleError> {
        self.check_permanent(line, callee)?;
        self.check_temporary(line, callee, callee.user.time_zone.as_ref(), now)
    }

    /// Checks what does not depend on the time: own number, validity, type, country, block list.
    ///
    /// # Errors
    ///
    /// The refusal by the first rule that fails.
    pub fn check_permanent(&self, line: &Line, callee: &Callee) -> Result<(), CallRefusal> {
        self.check_number(line)?;
        self.check_block_list(line, callee)
    }

    /// Checks a call's voice and language, which are permanent too.
    ///
    /// # Errors
    ///
    /// `voice_not_allowed` if the voice is not in `ALLOWED_VOICES`; without a voice, this goes for the language's default voice.
    /// `language_not_supported` if the call has no voice and no known voice speaks its language.
    pub fn check_speech(
        &self,
        voice: Option<&Voice>,
        language: Option<&Language>,
    ) -> Result<(), CallRefusal> {
        self.speech.check(voice, language)
    }

    fn check_number(&self, line: &Line) -> Result<(), CallRefusal> {
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
            return Ok(());
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
        let is_blocked = |numbers: &[PhoneNumber]| {
            let mut spellings = line.spellings().iter();
            spellings.find(|spelling| numbers.contains(spelling))
        };
        let Some(spelling) = is_blocked(&callee.blocked).or_else(|| is_blocked(configured)) else {
            return Ok(());
        };
        let message = if spelling == line.number() {
            "is on the block list".to_owned()
        } else {
            format!("is on the block list as {}", spelling.as_str())
        };
        Err(CallRefusal::of_number(RefusalCode::NumberBlocked, message))
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
