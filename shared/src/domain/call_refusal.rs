//! Why a new call is refused: the codes that clients, metrics and statistics use, and what the refusal says.

use std::borrow::Cow;

use chrono::{DateTime, Utc};

/// The rule, the cap or the other side that refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// No known voice speaks the language.
    LanguageNotSupported,
    /// The voice is not in `ALLOWED_VOICES`.
    VoiceNotAllowed,
    /// `TRANSCRIPTION_SERVICES` has no service for the call's language.
    TranscriptionUnavailable,
    /// The words may cost more than `MAX_SPEECH_PRICE`.
    SpeechPriceExceeded,
    /// The number is our own, `TWILIO_FROM_NUMBER`.
    OwnNumber,
    /// No numbering plan has the number, or it is not in E.164 format.
    NumberNotValid,
    /// The number belongs to a network or a service with special charges.
    NumberTypeNotAllowed,
    /// The number's country is not in `ALLOWED_COUNTRIES`.
    CountryNotAllowed,
    /// The number is on the block list or in `BLOCKED_NUMBERS`.
    NumberBlocked,
    /// An operator has switched dialling off.
    DialingOff,
    /// The calling hours allow the call later.
    OutsideCallingHours,
    /// The calling hours of all time zones concerned have no minute in common.
    NoCallingHours,
    /// The user's daily cap is reached.
    UserDailyCap,
    /// The number's daily cap is reached.
    NumberDailyCap,
    /// The daily cap of all calls is reached.
    DailyCap,
    /// No permit to dial is free, and the call may not wait.
    PaceExceeded,
    /// The stack has no dial queue, so calls cannot wait.
    SchedulingUnavailable,
    /// Twilio refused to dial; our rules did not.
    TwilioRefused,
}

impl RefusalCode {
    /// Every code.
    pub const ALL: [Self; 18] = [
        Self::LanguageNotSupported,
        Self::VoiceNotAllowed,
        Self::TranscriptionUnavailable,
        Self::SpeechPriceExceeded,
        Self::OwnNumber,
        Self::NumberNotValid,
        Self::NumberTypeNotAllowed,
        Self::CountryNotAllowed,
        Self::NumberBlocked,
        Self::DialingOff,
        Self::OutsideCallingHours,
        Self::NoCallingHours,
        Self::UserDailyCap,
        Self::NumberDailyCap,
        Self::DailyCap,
        Self::PaceExceeded,
        Self::SchedulingUnavailable,
        Self::TwilioRefused,
    ];

    /// The `code` of the response, the metrics' `Rule`, and the name in the statistics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LanguageNotSupported => "language_not_supported",
            Self::VoiceNotAllowed => "voice_not_allowed",
            Self::TranscriptionUnavailable => "transcription_unavailable",
            Self::SpeechPriceExceeded => "speech_price_exceeded",
            Self::OwnNumber => "own_number",
            Self::NumberNotValid => "number_not_valid",
            Self::NumberTypeNotAllowed => "number_type_not_allowed",
            Self::CountryNotAllowed => "country_not_allowed",
            Self::NumberBlocked => "number_blocked",
            Self::DialingOff => "dialing_off",
            Self::OutsideCallingHours => "outside_calling_hours",
            Self::NoCallingHours => "no_calling_hours",
            Self::UserDailyCap => "user_daily_cap",
            Self::NumberDailyCap => "number_daily_cap",
            Self::DailyCap => "daily_cap",
            Self::PaceExceeded => "pace_exceeded",
            Self::SchedulingUnavailable => "scheduling_unavailable",
            Self::TwilioRefused => "twilio_refused",
        }
    }

    /// Returns the code that reads so, or `None`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == word)
    }

    /// Returns true for our own rules and caps, and false for Twilio's refusal.
    #[must_use]
    pub fn is_rule(self) -> bool {
        self != Self::TwilioRefused
    }
}

/// A call that a rule or a cap refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallRefusal {
    /// A field of the request breaks a rule.
    Field {
        /// The rule.
        code: RefusalCode,
        /// The field's JSON name.
        field: Cow<'static, str>,
        /// A sentence without its subject, which is the field: `must be …`.
        message: String,
        /// When the rule allows the same call, if only the time is at fault.
        next_allowed_at: Option<DateTime<Utc>>,
    },
    /// A daily cap is reached.
    DailyCap {
        /// The cap.
        code: RefusalCode,
        /// Whole sentences.
        message: &'static str,
        /// Seconds until the next UTC day.
        retry_after_seconds: u32,
    },
    /// No permit to dial is free, and the call may not wait.
    PaceExceeded,
    /// An operator has switched dialling off.
    DialingOff {
        /// Description of the switch: operator, time and reason. It goes to the log only.
        cause: String,
    },
}

impl CallRefusal {
    /// Refuses a field. `message` is a sentence without its subject, which is the field: `must be …`.
    #[must_use]
    pub fn of_field(
        code: RefusalCode,
        field: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self::Field {
            code,
            field: field.into(),
            message: message.into(),
            next_allowed_at: None,
        }
    }

    /// The same refusal for another field.
    #[must_use]
    pub fn at(self, name: impl Into<Cow<'static, str>>) -> Self {
        match self {
            Self::Field {
                code,
                message,
                next_allowed_at,
                ..
            } => Self::Field {
                code,
                field: name.into(),
                message,
                next_allowed_at,
            },
            other => other,
        }
    }

    /// Refuses the called number, `to_number`.
    #[must_use]
    pub fn of_number(code: RefusalCode, message: impl Into<String>) -> Self {
        Self::of_field(code, "to_number", message)
    }

    /// Returns the code of the rule or cap.
    #[must_use]
    pub fn code(&self) -> RefusalCode {
        match self {
            Self::Field { code, .. } | Self::DailyCap { code, .. } => *code,
            Self::PaceExceeded => RefusalCode::PaceExceeded,
            Self::DialingOff { .. } => RefusalCode::DialingOff,
        }
    }
}

/// Why a call does not pass the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleError {
    /// A rule refuses the call.
    Refused(CallRefusal),
    /// The calling hours can't be checked: the message says which time zone is unknown.
    UnknownTimeZone(&'static str),
}

impl From<CallRefusal> for RuleError {
    fn from(refusal: CallRefusal) -> Self {
        Self::Refused(refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_found_by_its_word() {
        for code in RefusalCode::ALL {
            assert_eq!(RefusalCode::from_word(code.as_str()), Some(code));
        }
        assert_eq!(RefusalCode::from_word("validation_failed"), None);
    }
}
