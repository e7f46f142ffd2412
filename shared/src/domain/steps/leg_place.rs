//! The place of a call in a transfer, and the end of a leg, as query parameters.

use super::{
    leg::{LegStatus, TransferLeg},
    names::StepId,
};
use crate::domain::CallSid;

/// The query parameter with the [`LegMoment`].
pub(super) const LEG: &str = "leg";
/// The query parameter with the [`LegEnd`].
pub(super) const DIALLED: &str = "dialled";

/// A place in a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferPlace {
    /// The step.
    pub step: StepId,
    /// What happens.
    pub moment: LegMoment,
    /// The number of steps that were certainly played to their end before. `None`: unknown.
    pub played: Option<usize>,
    /// How the leg ended, at [`LegMoment::Ended`]. Twilio's form has it, and URLs after a redirect, which does not repeat the form.
    pub end: Option<LegEnd>,
}

/// What happens in a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegMoment {
    /// Everything before was said, and the other number is to be dialled.
    Dial,
    /// The other party has answered: a request for its leg.
    Whisper,
    /// The other party has pressed a key: a request for its leg.
    Accept,
    /// The leg has ended.
    Ended,
}

impl LegMoment {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Dial => "dial",
            Self::Whisper => "whisper",
            Self::Accept => "accept",
            Self::Ended => "ended",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        let all = [Self::Dial, Self::Whisper, Self::Accept, Self::Ended];
        all.into_iter().find(|moment| moment.as_str() == word)
    }

    /// Returns true for a request that the leg causes, not the call.
    #[must_use]
    pub fn is_of_leg(self) -> bool {
        matches!(self, Self::Whisper | Self::Accept)
    }
}

impl TransferPlace {
    /// Another moment of the same transfer.
    #[must_use]
    pub fn at(&self, moment: LegMoment) -> Self {
        Self {
            moment,
            end: None,
            ..self.clone()
        }
    }

    /// Returns true if the leg has ended after a connection.
    #[must_use]
    pub fn was_connected(&self) -> bool {
        self.end.as_ref().is_some_and(|end| end.bridged)
    }
}

/// How a leg ended, as Twilio reports it to the action of `<Dial>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegEnd {
    /// `DialCallStatus`.
    pub status: LegStatus,
    /// `DialBridged`.
    pub bridged: bool,
    /// `DialCallDuration`.
    pub seconds: Option<i64>,
    /// `DialCallSid`.
    pub sid: Option<CallSid>,
}

impl LegEnd {
    /// The name of the query parameter with [`LegEnd::to_text`].
    pub const PARAMETER: &str = DIALLED;

    /// Reads the parameters of Twilio's request. `None` if it has no `DialCallStatus`.
    pub fn of_form<'a>(find: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            status: LegStatus::of_twilio(find("DialCallStatus")?),
            bridged: find("DialBridged").is_some_and(|it| it.eq_ignore_ascii_case("true")),
            seconds: find("DialCallDuration").and_then(seconds),
            sid: find("DialCallSid").and_then(|sid| sid.parse().ok()),
        })
    }

    /// The value of the query parameter, which [`LegEnd::of_text`] reads.
    #[must_use]
    pub fn to_text(&self) -> String {
        let seconds = self.seconds.map(|it| it.to_string()).unwrap_or_default();
        let sid = self.sid.as_ref().map(CallSid::as_str).unwrap_or_default();
        let status = self.status.as_str();
        format!("{status}.{}.{seconds}.{sid}", u8::from(self.bridged))
    }

    /// Reads [`LegEnd::to_text`].
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let parts: Vec<_> = text.split('.').collect();
        let [status, bridged, duration, sid] = parts[..] else {
            return None;
        };
        Some(Self {
            status: LegStatus::of_twilio(status),
            bridged: bridged == "1",
            seconds: seconds(duration),
            sid: sid.parse().ok(),
        })
    }

    /// The leg of this step.
    #[must_use]
    pub fn to_leg(&self, step: &StepId) -> TransferLeg {
        TransferLeg {
            call_sid: self.sid.clone(),
            connected: Some(self.bridged),
            duration_seconds: self.seconds,
            ..TransferLeg::new(step, self.status)
        }
    }
}

fn seconds(text: &str) -> Option<i64> {
    text.parse().ok().filter(|&seconds| seconds >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_survives_a_redirect() {
        let sid: CallSid = format!("CA{}", "1".repeat(32)).parse().unwrap();
        for (seconds, sid) in [(Some(42), Some(sid)), (None, None)] {
            let end = LegEnd {
                status: LegStatus::NoAnswer,
                bridged: seconds.is_some(),
                seconds,
                sid,
            };
            assert_eq!(LegEnd::of_text(&end.to_text()), Some(end));
        }
        for odd in ["", "completed", "completed.1.2", "a.b.c.d.e"] {
            assert_eq!(LegEnd::of_text(odd), None, "{odd}");
        }
    }

    #[test]
    fn only_a_bridge_is_a_connection() {
        for (bridged, expected) in [(Some("true"), true), (Some("false"), false), (None, false)] {
            let end = LegEnd::of_form(|name| match name {
                "DialCallStatus" => Some("completed"),
                "DialBridged" => bridged,
                "DialCallDuration" => Some("-1"),
                _ => None,
            });
            let end = end.unwrap();
            assert_eq!((end.bridged, end.seconds), (expected, None));
        }
        assert_eq!(LegEnd::of_form(|_| None), None);
    }
}
