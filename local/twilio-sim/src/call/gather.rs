//! Executing Gathers: prompts until the called party presses a key or speaks.

use std::time::Duration;

use serde_json::json;

use super::document::LoadedDocument;
use super::execute::Next;
use super::form::{self, Form};
use super::player::{Player, Stop};
use crate::model::TwimlSource;
use crate::twiml::{Gather, Prompt};
use crate::wav::Voice;

/// The time from the start of a Gather until the called party speaks, and the time that it then speaks.
const SPEAKS_AFTER: Duration = Duration::from_secs(1);

impl Player {
    /// Executes a Gather.
    pub(super) async fn gather(
        &mut self,
        gather: &Gather,
        loaded: &LoadedDocument,
    ) -> Result<Next, Stop> {
        self.log_verb(
            "Gather",
            json!({ "keys": gather.keys, "speech": gather.speech }),
        );
        let prompts = match self.fetch_all(&gather.prompts, loaded).await? {
            Ok(prompts) => prompts,
            Err(failed) => return Ok(Next::Failed(failed)),
        };
        let gather = &Gather {
            prompts,
            ..gather.clone()
        };
        self.entered.clear();
        let keys = self.next_keys(gather);
        let entered = if keys.is_empty() {
            self.speak_or_wait(gather).await
        } else {
            self.press(gather, keys).await
        };
        if let Err(Stop::Redirect(_)) = &entered
            && self.sim.config.report_cut_gathers
        {
            self.report_cut_gather(gather, loaded);
        }
        let entered = entered?;
        let entered = entered.or_else(|| {
            let nothing = || form::pairs([("Digits", "")]);
            gather.even_if_empty.then(nothing)
        });
        Ok(match entered {
            None => Next::Verb,
            Some(mut entered) => {
                entered.extend(form::pairs([("msg", "Gather End")]));
                self.go(&gather.action, loaded, entered)
            }
        })
    }

    /// Requests the action of a Gather that an update cuts off. The response has no effect.
    fn report_cut_gather(&self, gather: &Gather, loaded: &LoadedDocument) {
        let entered = form::pairs([("Digits", self.entered.as_str()), ("msg", "Gather End")]);
        if let Next::Document(TwimlSource::Url(target), extra) =
            self.go(&gather.action, loaded, entered)
        {
            self.send_action(target, extra, self.status.as_str());
        }
    }

    /// Returns the keys that the called party presses at this Gather.
    fn next_keys(&mut self, gather: &Gather) -> Vec<(Duration, char)> {
        if !gather.keys {
            return Vec::new();
        }
        self.gathers += 1;
        self.callee.presses.at(self.gathers - 1)
    }

    /// Plays the prompts until the first key, and waits for the others. Returns the keys, or `None` if none counts.
    async fn press(
        &mut self,
        gather: &Gather,
        keys: Vec<(Duration, char)>,
    ) -> Result<Option<Form>, Stop> {
        let mut finished_on = None;
        for (at, (pause, key)) in keys.into_iter().enumerate() {
            let mut silence = pause;
            if at == 0 {
                let began = self.clock.passed();
                self.prompt_for(&gather.prompts, pause).await?;
                silence = pause.saturating_sub(self.clock.since(began));
            }
            if silence > gather.timeout {
                break;
            }
            self.wait(silence).await?;
            self.log_timed("key", json!({ "key": key }));
            if gather.finish_on_key == Some(key) {
                finished_on = Some(key);
                break;
            }
            self.entered.push(key);
            if gather.most_keys == u32::try_from(self.entered.len()).ok() {
                break;
            }
        }
        let is_full = gather.most_keys == u32::try_from(self.entered.len()).ok();
        if finished_on.is_none() && !is_full {
            self.wait(gather.timeout).await?;
        }
        Ok((!self.entered.is_empty()).then(|| {
            let finished_on = finished_on.map(String::from).unwrap_or_default();
            let digits = self.entered.as_str();
            form::pairs([("Digits", digits), ("FinishedOnKey", &finished_on)])
        }))
    }

    /// Plays the prompts, or as much as the called party hears before it speaks. Returns what it said.
    async fn speak_or_wait(&mut self, gather: &Gather) -> Result<Option<Form>, Stop> {
        if let Some(words) = self.callee.says.clone().filter(|_| gather.speech) {
            let began = self.clock.passed();
            self.prompt_for(&gather.prompts, SPEAKS_AFTER).await?;
            self.wait(SPEAKS_AFTER.saturating_sub(self.clock.since(began)))
                .await?;
            let said = Some((words.as_str(), SPEAKS_AFTER));
            self.speak(Voice::Callee, SPEAKS_AFTER, said);
            self.wait(SPEAKS_AFTER).await?;
            return Ok(Some(form::pairs([
                ("SpeechResult", words.as_str()),
                ("Confidence", "0.92"),
            ])));
        }
        for prompt in &gather.prompts {
            match prompt {
                Prompt::Say(say) => self.say(say).await?,
                Prompt::Play(play) => self.play_audio(play).await?,
                Prompt::Pause(length) => self.pause(*length).await?,
            }
        }
        self.wait(gather.timeout).await?;
        Ok(None)
    }
}
