//! The TwiML of steps: the only place that writes it.

use super::machines::HOLD_SECONDS;
use crate::{
    domain::{Asking, Part, Place, Playing, Prompt, Speech, Words},
    twilio::{Element, opt_out_key, plays_audio, response, say, say_ssml, step_url},
};

/// Seconds that words without a question wait for the opt-out key.
const TIMEOUT_AFTER_WORDS: &str = "2";

/// Returns the document that plays this.
///
/// `url` is the signed URL of the request that it answers. `speech` is the call's voice and language. `notices` are spoken first.
///
/// Keys cut off the words, because these are inside the `<Gather>`. If no key is pressed, the document ends with a redirect, which
/// proves that everything was said. Words without a question are in a `<Gather>` too if the URL has an opt-out key. After a redirect
/// with [`without_audio`](crate::twilio::without_audio) in its URL, the words are spoken instead of audio.
#[must_use]
pub fn render<'a>(
    playing: &Playing<'_>,
    url: &str,
    speech: &Speech,
    notices: impl IntoIterator<Item = &'a str>,
) -> String {
    let plays_audio = plays_audio(url);
    let notice = notices.into_iter().flat_map(|text| says(text, speech));
    let prompts = playing
        .says
        .iter()
        .flat_map(|&prompt| spoken(prompt, speech, plays_audio));
    let mut verbs: Vec<_> = notice.chain(prompts).collect();
    if let Some(asking) = &playing.asking {
        let most_digits = asking.ask.most_digits();
        let gather = gather(asking, url, most_digits);
        // Otherwise a bare `#` would count as no key, and prove nothing.
        let gather = match most_digits {
            1 => gather.attribute("finishOnKey", ""),
            _ => gather.attribute("finishOnKey", "#"),
        };
        verbs = vec![verbs.into_iter().fold(gather, Element::child)];
    } else if opt_out_key(url).is_some() && !verbs.is_empty() {
        let gather = Element::new("Gather")
            .attribute("action", step_url(url, &playing.with_keys()))
            .attribute("finishOnKey", "")
            .attribute("input", "dtmf")
            .attribute("method", "POST")
            .attribute("numDigits", "1")
            .attribute("timeout", TIMEOUT_AFTER_WORDS);
        verbs = vec![verbs.into_iter().fold(gather, Element::child)];
    }
    // Twilio may skip audio that it can't play, and then the redirect would prove nothing.
    let has_audio = plays_audio && playing.says.iter().any(|prompt| prompt.has_audio());
    let at_end = if has_audio {
        playing.clone().unproven().at_end()
    } else {
        playing.at_end()
    };
    response(verbs.into_iter().chain([redirect(url, &at_end)]))
}

/// A message for a machine.
#[derive(Debug)]
pub struct Message<'a> {
    /// The words.
    pub prompt: &'a Prompt,
    /// Seconds of silence before them.
    pub pause_seconds: u32,
    /// The first ask: a person who was taken for a machine can still answer it.
    pub asking: Option<Asking<'a>>,
}

/// Returns the document that a machine records. `url` is the signed URL of the request that it answers, and `notice` the sentence
/// after the message.
///
/// A redirect proves that everything was said, because every key is an input.
#[must_use]
pub fn render_message(
    message: &Message<'_>,
    url: &str,
    speech: &Speech,
    notice: Option<&str>,
) -> String {
    let pause = pause(message.pause_seconds);
    let words = spoken(message.prompt, speech, false);
    let notice = notice.into_iter().flat_map(|text| says(text, speech));
    let mut verbs: Vec<_> = [pause].into_iter().chain(words).chain(notice).collect();
    if let Some(asking) = &message.asking {
        let most_digits = match asking.ask.most_digits() {
            1 => 1,
            // The finishing key counts too.
            most => most + 1,
        };
        let gather = gather(asking, url, most_digits).attribute("finishOnKey", "");
        verbs = vec![verbs.into_iter().fold(gather, Element::child)];
    }
    let done = redirect(url, &Place::VoicemailDone);
    response(verbs.into_iter().chain([done]))
}

/// Returns the document of a call that waits for the result of machine detection. `held` counts the requests before it.
#[must_use]
pub fn render_hold(url: &str, held: u32) -> String {
    let next = redirect(url, &Place::Hold(held + 1));
    response([pause(HOLD_SECONDS), next])
}

fn gather<'a>(asking: &Asking<'_>, url: &str, most_digits: u32) -> Element<'a> {
    Element::new("Gather")
        .attribute("action", step_url(url, &asking.with_keys()))
        .attribute("input", "dtmf")
        .attribute("method", "POST")
        .attribute("numDigits", most_digits.to_string())
        .attribute("timeout", asking.ask.timeout_seconds.to_string())
}

fn pause(seconds: u32) -> Element<'static> {
    Element::new("Pause").attribute("length", seconds.to_string())
}

fn redirect(url: &str, place: &Place) -> Element<'static> {
    Element::new("Redirect")
        .attribute("method", "POST")
        .text(step_url(url, place))
}

pub(super) fn spoken(prompt: &Prompt, speech: &Speech, plays_audio: bool) -> Vec<Element<'static>> {
    prompt
        .parts()
        .iter()
        .flat_map(|part| {
            let speech = speech.of_part(part);
            let audio = part.audio_url.as_ref().filter(|_| plays_audio);
            let once = || match audio {
                Some(url) => vec![Element::new("Play").text(url.as_str().to_owned())],
                None => part_says(part, &speech),
            };
            (0..part.repeat).flat_map(|_| once()).collect::<Vec<_>>()
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
