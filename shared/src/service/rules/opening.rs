//! What calls from which a person can opt out must say: the sentences of their opening, and the number in a message for a machine.

use super::Content;
use crate::{
    config::OpeningConfig,
    domain::{FieldFault, Language, Notice, Step, Steps, VoicemailAction},
};

impl OpeningConfig {
    /// Returns the faults of a call in this language: options with the opt-out key, notices that are missing, and a message for a
    /// machine without a `CALLBACK_NUMBER`.
    ///
    /// Without an opt-out key, and without an option that blocks, no notice has to be there.
    pub(super) fn faults(&self, content: &Content, language: &Language) -> Vec<FieldFault> {
        let steps = content.steps;
        let mut faults = Vec::new();
        for (at, step) in steps.into_iter().flat_map(Steps::iter).enumerate() {
            for (path, _) in step.thens() {
                if let ["options", option] = path[..]
                    && self.opt_out_key.is_some_and(|key| key.is(option))
                {
                    faults.push(FieldFault {
                        field: format!("steps[{at}].options.{option}").into(),
                        message: "must not be the opt-out key".to_owned(),
                    });
                }
            }
        }
        let leaves_message = content
            .voicemail
            .is_some_and(|it| it.action == VoicemailAction::LeaveMessage);
        if leaves_message && self.opt_out_key.is_some() && !self.has_callback_number {
            faults.push(FieldFault {
                field: "voicemail.action".into(),
                message: "leave_message needs CALLBACK_NUMBER, which this stack does not have: choose another action, or have an operator set it".to_owned(),
            });
        }
        let missing = self.missing(steps, language, content.is_recorded);
        if !missing.is_empty() {
            faults.push(FieldFault {
                field: "language".into(),
                message: format!(
                    "needs these NOTICES in {}, because the person can opt out: {}",
                    language.as_str(),
                    missing.join(", ")
                ),
            });
        }
        faults
    }

    fn missing(
        &self,
        steps: Option<&Steps>,
        language: &Language,
        is_recorded: bool,
    ) -> Vec<&'static str> {
        let mut thens = steps
            .into_iter()
            .flat_map(Steps::iter)
            .flat_map(Step::thens);
        let blocks = thens.any(|(_, then)| then.block);
        let has_key = self.opt_out_key.is_some() && steps.is_some();
        let recording = is_recorded && !self.has_recording_notice;
        [
            (Notice::Identity, has_key || blocks),
            (Notice::OptOut, has_key),
            (Notice::Recording, recording && (has_key || blocks)),
        ]
        .into_iter()
        .filter(|&(notice, is_needed)| is_needed && self.notices.find(language, notice).is_none())
        .map(|(notice, _)| notice.as_str())
        .collect()
    }
}
