//! The price of what a call says.

use std::borrow::Cow;

use super::{Content, Rules};
use crate::domain::{CallRefusal, Part, Prompt, RefusalCode, SpeechPrice, Steps, VoiceClass};

impl Rules {
    /// Checks the highest price of the content's words: those of all steps, as often as a person can make them play. The notices
    /// are not counted.
    ///
    /// # Errors
    ///
    /// `speech_price_exceeded` if it is above `MAX_SPEECH_PRICE`, or if nobody knows the price of a voice.
    pub(super) fn check_price(&self, content: &Content) -> Result<(), CallRefusal> {
        let Some(most) = self.max_speech_price else {
            return Ok(());
        };
        let refusal = |field, message| {
            CallRefusal::of_field(RefusalCode::SpeechPriceExceeded, field, message)
        };
        let of_call = self
            .speech
            .speech
            .of_stored(content.voice, content.language);
        let (field, steps) = match (content.steps, content.script) {
            (Some(steps), _) => ("steps", Cow::Borrowed(steps)),
            (None, Some(script)) => ("script", Cow::Owned(Steps::of_script(script.clone()))),
            (None, None) => return Ok(()),
        };
        let message = content.voicemail.and_then(|it| it.message.as_ref());
        let class = |part: &Part| of_call.of_part(part).voice.class();
        let prompts = steps
            .iter()
            .flat_map(|step| step.prompts().map(|(_, it)| it));
        let mut parts = prompts.chain(message).flat_map(Prompt::parts);
        if let Some(part) = parts.find(|part| class(part).is_none()) {
            let voice = of_call.of_part(part).voice;
            let message = format!(
                "must be a voice whose price is known, because MAX_SPEECH_PRICE is set: that of {} is not",
                voice.as_str()
            );
            return Err(refusal("voice", message));
        }
        let repeats_words = self.opening.opt_out_key.is_some()
            && (content.steps.is_some() || content.voicemail.is_some());
        let total = |of_part: &dyn Fn(&Part) -> u64| {
            let of_prompt = |prompt: &Prompt| prompt.parts().iter().map(of_part).sum::<u64>();
            steps.heaviest(repeats_words, of_prompt) + message.map_or(0, of_prompt)
        };
        let price = total(&|part| {
            part.characters() * class(part).map_or(0, VoiceClass::micros_per_character)
        });
        let price = SpeechPrice::of_micros(price);
        if price <= most {
            return Ok(());
        }
        let characters = total(&Part::characters);
        let message = format!(
            "may cost {price} to speak, with {characters} characters if everything is repeated as often as possible; the most is {most}: \
             shorten the words, or choose a cheaper voice"
        );
        Err(refusal(field, message))
    }
}
