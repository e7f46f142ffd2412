//! Playing speech and audio, and recording each sentence as spoken or interrupted.

use std::time::Duration;

use serde_json::json;

use super::player::{Player, Stop};
use crate::model::{Heard, millis};
use crate::twiml::{Play, Prompt, Say};
use crate::wav::Voice;

/// The rate of speech in characters per second. The shortest text takes a second.
const SPEAKING_RATE: f64 = 15.0;
/// The assumed length of audio, which is not fetched.
const AUDIO: Duration = Duration::from_secs(5);
/// The repetitions of an endless loop.
const ENDLESS_LOOP: u32 = 1_000;
/// The most spoken sentences, and the most interrupted ones, to keep for a call.
const KEPT_SENTENCES: usize = 1_000;

impl Player {
    /// Speaks a text to its end.
    pub(super) async fn say(&mut self, say: &Say) -> Result<(), Stop> {
        self.say_within(say, Duration::MAX).await
    }

    /// Plays audio to its end, or sends keys.
    pub(super) async fn play_audio(&mut self, play: &Play) -> Result<(), Stop> {
        self.play_within(play, Duration::MAX).await
    }

    /// Plays prompts for at most `time`, when the called party's input cuts them off.
    pub(super) async fn prompt_for(
        &mut self,
        prompts: &[Prompt],
        time: Duration,
    ) -> Result<(), Stop> {
        let end = self.clock.passed().saturating_add(time);
        for prompt in prompts {
            let left = end.saturating_sub(self.clock.passed());
            if left.is_zero() {
                return Ok(());
            }
            match prompt {
                Prompt::Say(say) => self.say_within(say, left).await?,
                Prompt::Play(play) => self.play_within(play, left).await?,
                Prompt::Pause(length) => self.wait((*length).min(left)).await?,
            }
        }
        Ok(())
    }

    /// Each repetition counts separately: as spoken if it played to its end during the call, otherwise as interrupted.
    async fn say_within(&mut self, say: &Say, time: Duration) -> Result<(), Stop> {
        self.log_verb("Say", json!({ "text": say.text, "loop": say.times }));
        let length = speaking_time(&say.text) + say.breaks;
        let end = self.clock.passed().saturating_add(time);
        for _ in 0..times(say.times) {
            let left = end.saturating_sub(self.clock.passed());
            if left.is_zero() {
                break;
            }
            let words = Some((say.text.as_str(), length));
            self.speak(Voice::Application, length.min(left), words);
            let began = self.clock.passed();
            let waited = self.wait(length.min(left)).await;
            let is_whole = waited.is_ok() && length <= left;
            self.note_sentence(&say.text, began, is_whole);
            waited?;
        }
        Ok(())
    }

    async fn play_within(&mut self, play: &Play, time: Duration) -> Result<(), Stop> {
        self.log_verb(
            "Play",
            json!({ "url": play.url, "digits": play.digits, "loop": play.times }),
        );
        if let Some(digits) = &play.digits {
            return self.send_digits(digits).await;
        }
        let end = self.clock.passed().saturating_add(time);
        for _ in 0..times(play.times) {
            let left = end.saturating_sub(self.clock.passed()).min(AUDIO);
            if left.is_zero() {
                break;
            }
            self.sound(Voice::Application, left);
            self.wait(left).await?;
        }
        Ok(())
    }

    fn note_sentence(&self, text: &str, began: Duration, is_whole: bool) {
        let answered = self.answered.unwrap_or_default();
        let heard = Heard {
            text: text.to_owned(),
            from_ms: millis(began.saturating_sub(answered)),
            to_ms: millis(self.clock.since(answered)),
            whole: is_whole,
        };
        if !is_whole {
            let detail = json!({ "text": text, "interrupted": true });
            self.log_verb("Say", detail);
        }
        self.sim.store.update_call(&self.sid, |call| {
            if call.heard.len() < KEPT_SENTENCES {
                call.heard.push(heard);
            }
            let sentences = if is_whole {
                &mut call.spoken
            } else {
                &mut call.interrupted
            };
            if sentences.len() < KEPT_SENTENCES {
                sentences.push(text.to_owned());
            }
        });
    }
}

/// The time that a text takes.
pub(super) fn speaking_time(text: &str) -> Duration {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a text has at most some thousand characters"
    )]
    let seconds = text.chars().count() as f64 / SPEAKING_RATE;
    if text.is_empty() {
        Duration::ZERO
    } else {
        Duration::from_secs_f64(seconds.max(1.0))
    }
}

fn times(given: u32) -> u32 {
    if given == 0 { ENDLESS_LOOP } else { given }
}
