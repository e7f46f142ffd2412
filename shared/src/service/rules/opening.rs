//! The opening of calls with steps: the sentences that they must begin with, and the key that opts out.

use crate::{
    config::OpeningConfig,
    domain::{FieldFault, Language, Notice, Step, Steps},
};

impl OpeningConfig {
    /// Returns the faults of steps in this language: options with the opt-out key, and notices that are missing.
    ///
    /// Without an opt-out key, and without an option that blocks, no notice has to be there.
    pub(super) fn faults(
        &self,
        steps: &Steps,
        language: &Language,
        is_recorded: bool,
    ) -> Vec<FieldFault> {
        let mut faults = Vec::new();
        for (at, step) in steps.iter().enumerate() {
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
        let missing = self.missing(steps, language, is_recorded);
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

    fn missing(&self, steps: &Steps, language: &Language, is_recorded: bool) -> Vec<&'static str> {
        let blocks = steps
            .iter()
            .flat_map(Step::thens)
            .any(|(_, then)| then.block);
        let has_key = self.opt_out_key.is_some();
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
