//! Answering machines: what a call does if one answers.

use std::{borrow::Cow, time::Duration};

use crate::domain::{Call, MachineDetection, RetryReason, Steps, Voicemail, VoicemailAction};

impl Call {
    /// The steps that the call plays. The script of a call with `voicemail` is one step. `None`: a script, and nothing else.
    #[must_use]
    pub fn flow(&self) -> Option<Cow<'_, Steps>> {
        match (&self.steps, &self.script) {
            (Some(steps), _) => Some(Cow::Borrowed(steps)),
            (None, Some(script)) if self.voicemail.is_some() => {
                Some(Cow::Owned(Steps::of_script(script.clone())))
            }
            (None, _) => None,
        }
    }

    /// Returns true if the call plays steps, and so has a result.
    #[must_use]
    pub fn has_flow(&self) -> bool {
        self.steps.is_some() || self.voicemail.is_some()
    }

    /// What this attempt does if a machine answers. Before the last attempt, it hangs up on machines that are a reason to try
    /// again.
    #[must_use]
    pub fn on_machine(&self) -> VoicemailAction {
        let voicemail = self.voicemail.as_ref();
        match voicemail.map_or(VoicemailAction::Ignore, |it| it.action) {
            VoicemailAction::LeaveMessage if self.tries_machines_again() => VoicemailAction::HangUp,
            action => action,
        }
    }

    /// The detection of machines, and whether people hear the first words before its result.
    #[must_use]
    pub fn detection(&self) -> Option<(MachineDetection, bool)> {
        match self.on_machine() {
            VoicemailAction::LeaveMessage => Some((MachineDetection::DetectMessageEnd, true)),
            VoicemailAction::HangUp => Some((MachineDetection::Enable, true)),
            VoicemailAction::Ignore => self.machine_detection.map(|mode| (mode, false)),
        }
    }

    /// Returns true if the call detects machines.
    #[must_use]
    pub fn detects_machines(&self) -> bool {
        self.machine_detection.is_some() || self.voicemail.is_some()
    }

    /// Returns true if another attempt may follow this one after a machine.
    fn tries_machines_again(&self) -> bool {
        let Some(retry) = &self.retry else {
            return false;
        };
        let begun_at = self.dial_begun_at.unwrap_or(self.created_at);
        let delay = retry.delay_after(self.attempt());
        let next = delay
            .map(|seconds| begun_at.saturating_add_duration(Duration::from_secs(seconds.into())));
        retry.on.contains(&RetryReason::Voicemail) && next.is_some_and(|at| at < retry.expires_at)
    }

    /// The treatment of machines that the request asks for, if machines hear a message of their own now.
    #[must_use]
    pub fn voicemail_to_leave(&self) -> Option<&Voicemail> {
        let voicemail = self.voicemail.as_ref()?;
        (self.on_machine() == VoicemailAction::LeaveMessage).then_some(voicemail)
    }
}
