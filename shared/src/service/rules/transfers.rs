//! The rules for the numbers that a call's transfers may dial.

use super::{Line, Rules};
use crate::{
    dao::Callee,
    domain::{CallRefusal, Language, PhoneNumber, RefusalCode, Steps, Voice},
};

/// The numbers to look up on the block list for a call: all spellings of its own line, and of those that its transfers may dial.
#[must_use]
pub fn looked_up(line: &Line, steps: Option<&Steps>) -> Vec<PhoneNumber> {
    let own = line.spellings().iter().cloned();
    own.chain(transfer_lines(steps).into_iter().flatten())
        .collect()
}

/// The spellings of each number that a call's transfers may dial; the first is the number itself.
#[must_use]
pub fn transfer_lines(steps: Option<&Steps>) -> Vec<Vec<PhoneNumber>> {
    let transfers = steps.into_iter().flat_map(Steps::transfers);
    let lines = transfers.map(|(_, transfer)| Line::of(&transfer.to).spellings().to_vec());
    lines.collect()
}

impl Rules {
    /// Checks the numbers that a call's transfers may dial as if each was called: own number, validity, type, country, block
    /// list. `callee` has the facts about the numbers of [`looked_up`]. `called` is `None` for a batch. The calling hours and the daily caps are for called
    /// people only.
    ///
    /// # Errors
    ///
    /// The refusal of the first number that breaks a rule, of the called number, or of a transfer that has no whisper although
    /// the call is not in English.
    pub fn check_transfers(
        &self,
        steps: Option<&Steps>,
        called: Option<&Line>,
        callee: &Callee,
        (voice, language): (Option<&Voice>, Option<&Language>),
    ) -> Result<(), CallRefusal> {
        for (at, transfer) in steps.into_iter().flat_map(Steps::transfers) {
            let field = |name| format!("steps[{at}].transfer.{name}");
            let line = Line::of(&transfer.to);
            self.check_permanent(&line, callee)
                .map_err(|refusal| refusal.at(field("to")))?;
            if called.is_some_and(|called| called.spellings().contains(&transfer.to)) {
                let message = "must not be the called number";
                let code = RefusalCode::OwnNumber;
                return Err(CallRefusal::of_field(code, field("to"), message));
            }
            let speech = self.speech.speech.of_call(voice, language);
            let is_english = speech.is_none_or(|speech| speech.language.as_str().starts_with("en"));
            if transfer.whisper.is_none() && !is_english {
                return Err(CallRefusal::of_field(
                    RefusalCode::LanguageNotSupported,
                    field("whisper"),
                    "is missing: only English calls have words of their own",
                ));
            }
        }
        Ok(())
    }
}
