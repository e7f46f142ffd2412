//! Effects: what must follow a change of a call.

use bson::DateTime;
use serde::{Deserialize, Serialize};

use super::{Call, CallStatus};

/// Something that must follow a change of a call. It stays on the call until it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Number of the effect on this call: greater than those of the effects before it.
    pub n: i64,
    /// The kind.
    #[serde(rename = "type")]
    pub kind: EffectKind,
    /// Time of the change, UTC.
    pub at: DateTime,
    /// The call's status after the change.
    pub status: CallStatus,
}

/// The kind of an [`Effect`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// The next attempt of a call that has ended, if its retries allow one.
    NextAttempt,
    /// The person asked for no further calls: the number is blocked, and the calls to it that wait end.
    OptOut,
    /// The result of a call that has ended is stored, or corrected.
    Result,
    /// A later version of this service stored the kind. It stays until that version does it.
    #[serde(other)]
    Unknown,
}

impl EffectKind {
    /// The word for the value in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NextAttempt => "next_attempt",
            Self::OptOut => "opt_out",
            Self::Result => "result",
            Self::Unknown => "unknown",
        }
    }
}

impl Call {
    /// Numbers of the effects of this kind that are still to be done.
    #[must_use]
    pub fn effects_of(&self, kind: EffectKind) -> Vec<i64> {
        let effects = self.effects.iter().filter(|effect| effect.kind == kind);
        effects.map(|effect| effect.n).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_equal_those_of_serde() {
        for kind in [
            EffectKind::NextAttempt,
            EffectKind::OptOut,
            EffectKind::Result,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn kind_of_a_later_version_can_be_read() {
        let kind: EffectKind = serde_json::from_str("\"of_a_later_version\"").unwrap();
        assert_eq!(kind, EffectKind::Unknown);
    }
}
