//! The results that calls with steps have by themselves, if no option names another.

/// A result of a call that no option names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnResult {
    /// The person heard the steps to their end.
    Completed,
    /// The person did not answer the last ask.
    NoInput,
    /// The person hung up first.
    HungUp,
    /// The person asked for no further calls.
    OptedOut,
    /// A machine has recorded the message.
    VoicemailLeft,
    /// A machine answered, and has not recorded the message.
    VoicemailMissed,
    /// The person was connected with another number.
    Transferred,
    /// Nobody answered.
    NotReached,
    /// The person heard an apology.
    Error,
}

impl OwnResult {
    /// All results.
    pub const ALL: [Self; 9] = [
        Self::Completed,
        Self::NoInput,
        Self::HungUp,
        Self::OptedOut,
        Self::VoicemailLeft,
        Self::VoicemailMissed,
        Self::Transferred,
        Self::NotReached,
        Self::Error,
    ];

    /// Returns the result with this word. `None`: an outcome of the client.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.as_str() == word)
    }

    /// The word for the result, which no outcome may be.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NoInput => "no_input",
            Self::HungUp => "hung_up",
            Self::OptedOut => "opted_out",
            Self::VoicemailLeft => "voicemail_left",
            Self::VoicemailMissed => "voicemail_missed",
            Self::Transferred => "transferred",
            Self::NotReached => "not_reached",
            Self::Error => "error",
        }
    }
}
