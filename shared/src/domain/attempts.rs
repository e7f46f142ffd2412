//! The sum of all attempts of a call.

use super::{Call, EffectKind};

/// The attempts of a call so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// Number of attempts that were dialled.
    pub dialled: u32,
    /// True if a person answered one of them. `None`: unknown, or an attempt may follow.
    pub reached: Option<bool>,
}

impl Attempts {
    /// Sums the attempts up.
    #[must_use]
    pub fn of<'a>(calls: impl IntoIterator<Item = &'a Call>) -> Self {
        let mut dialled = 0;
        let mut reached = Some(false);
        for call in calls {
            dialled += u32::from(call.was_dialled());
            reached = match (reached, call.reached()) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) if !may_be_followed(call) => Some(false),
                _ => None,
            };
        }
        Self { dialled, reached }
    }
}

/// Returns true if the next attempt of an ended call is still to be created, or not to be.
fn may_be_followed(call: &Call) -> bool {
    let mut effects = call.effects.iter();
    !call.hangup_requested && effects.any(|effect| effect.kind == EffectKind::NextAttempt)
}
