//! The TwiML of steps: the only place that writes it.

use crate::{
    domain::{Part, Playing, Prompt, Speech, Words},
    twilio::{Element, response, say, say_ssml, step_url},
};

/// Returns the document that plays this.
///
/// `url` is the signed URL of the request that it answers. `speech` is the call's voice and language. `notice` is spoken first.
///
/// Keys cut off the words, because these are inside the `<Gather>`. If no key is pressed, the document ends with a redirect, which
/// proves that everything was said.
#[must_use]
pub fn render(playing: &Playing<'_>, url: &str, speech: &Speech, notice: Option<&str>) -> String {
    let notice = notice.into_iter().flat_map(|text| says(text, speech));
    let prompts = playing
        .says
        .iter()
        .flat_map(|&prompt| spoken(prompt, speech));
    let mut verbs: Vec<_> = notice.chain(prompts).collect();
    if let Some(asking) = &playing.asking {
        let most_digits = asking.ask.most_digits();
        let gather = Element::new("Gather")
            .attribute("action", step_url(url, &asking.with_keys()))
            .attribute("input", "dtmf")
            .attribute("method", "POST")
            .attribute("numDigits", most_digits.to_string())
            .attribute("timeout", asking.ask.timeout_seconds.to_string());
        // Otherwise a bare `#` would count as no key, and prove nothing.
        let gather = match most_digits {
            1 => gather.attribute("finishOnKey", ""),
            _ => gather.attribute("finishOnKey", "#"),
        };
        verbs = vec![verbs.into_iter().fold(gather, Element::child)];
    }
    let redirect = Element::new("Redirect")
        .attribute("method", "POST")
        .text(step_url(url, &playing.at_end()));
    response(verbs.into_iter().chain([redirect]))
}

pub(super) fn spoken(prompt: &Prompt, speech: &Speech) -> Vec<Element<'static>> {
    prompt
        .parts()
        .iter()
        .flat_map(|part| {
            let speech = speech.of_part(part);
            let times = 0..part.repeat;
            times
                .flat_map(|_| part_says(part, &speech))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn part_says(part: &Part, speech: &Speech) -> Vec<Element<'static>> {
    match &part.words {
        Words::Text(text) => says(text.as_str(), speech),
        Words::Ssml(ssml) => say_ssml(ssml, &speech.voice, speech.language.as_str()),
        Words::Spell(spelled) => says(&spelled.to_speech(), speech),
    }
}

pub(super) fn says(text: &str, speech: &Speech) -> Vec<Element<'static>> {
    let (voice, language) = (speech.voice.as_str(), speech.language.as_str());
    say(text, voice, language)
}
