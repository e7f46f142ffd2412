//! Doing what a document says.

use std::time::Duration;

use serde_json::json;

use super::document::Loaded;
use super::form::{self, Form};
use super::outbox::new_token;
use super::player::{Player, Stop};
use crate::faults::CallbackKind;
use crate::model::{Callback, Hook, RecordingOptions};
use crate::twiml::{Action, Gather, Prompt, Record, Source, Verb};
use crate::wav::Voice;
use crate::webhook::resolve;

/// When a scripted caller enters something, after a Gather began.
const INPUT_AFTER: Duration = Duration::from_secs(1);
/// How long the called party talks to a Record.
const MESSAGE: Duration = Duration::from_secs(3);
/// Where a document leads.
enum Next {
    /// To the next verb.
    On,
    /// To the end of the call.
    End,
    /// To another document.
    To(Source, Form),
}

impl Player {
    /// Executes documents until one of them ends the call.
    pub(super) async fn follow(&mut self, mut source: Source) -> Result<(), Stop> {
        let mut extra = Form::new();
        loop {
            let loaded = self.load(&source, &extra).await?;
            match self.execute(&loaded).await? {
                Next::To(other, form) => (source, extra) = (other, form),
                Next::On | Next::End => return Ok(()),
            }
        }
    }

    async fn execute(&mut self, loaded: &Loaded) -> Result<Next, Stop> {
        for verb in &loaded.verbs {
            let next = match verb {
                Verb::Say(say) => self.say(say).await.map(|()| Next::On)?,
                Verb::Play(play) => self.play_audio(play).await.map(|()| Next::On)?,
                Verb::Pause(length) => self.pause(*length).await.map(|()| Next::On)?,
                Verb::Record(record) => self.record(record, loaded).await?,
                Verb::Gather(gather) => self.gather(gather, loaded).await?,
                Verb::Redirect(action) => {
                    self.tell_verb("Redirect", json!({ "url": action.url }));
                    self.go(action, loaded, Form::new())
                }
                Verb::Hangup | Verb::Reject => {
                    self.tell_verb(
                        if matches!(verb, Verb::Hangup) {
                            "Hangup"
                        } else {
                            "Reject"
                        },
                        json!({}),
                    );
                    Next::End
                }
            };
            if !matches!(next, Next::On) {
                return Ok(next);
            }
        }
        Ok(Next::End)
    }

    async fn pause(&mut self, length: Duration) -> Result<(), Stop> {
        self.tell_verb("Pause", json!({ "seconds": length.as_secs() }));
        self.wait(length).await
    }

    async fn gather(&mut self, gather: &Gather, loaded: &Loaded) -> Result<Next, Stop> {
        self.tell_verb(
            "Gather",
            json!({ "keys": gather.keys, "speech": gather.speech }),
        );
        let entered = match (self.callee.presses, self.callee.says) {
            (Some(keys), _) if gather.keys => {
                Some(form::pairs([("Digits", keys), ("FinishedOnKey", "")]))
            }
            (_, Some(words)) if gather.speech => Some(form::pairs([
                ("SpeechResult", words),
                ("Confidence", "0.92"),
            ])),
            _ => None,
        };
        if let Some(mut entered) = entered {
            self.prompt_for(&gather.prompts, INPUT_AFTER).await?;
            if self.callee.says.is_some() && gather.speech {
                self.sound(Voice::Callee, INPUT_AFTER);
                self.wait(INPUT_AFTER).await?;
            }
            entered.extend(form::pairs([("msg", "Gather End")]));
            return Ok(self.go(&gather.action, loaded, entered));
        }
        for prompt in &gather.prompts {
            match prompt {
                Prompt::Say(say) => self.say(say).await?,
                Prompt::Play(play) => self.play_audio(play).await?,
                Prompt::Pause(length) => self.pause(*length).await?,
            }
        }
        self.wait(gather.timeout).await?;
        if !gather.even_if_empty {
            return Ok(Next::On);
        }
        let nothing = form::pairs([("Digits", ""), ("msg", "Gather End")]);
        Ok(self.go(&gather.action, loaded, nothing))
    }

    async fn record(&mut self, record: &Record, loaded: &Loaded) -> Result<Next, Stop> {
        self.tell_verb(
            "Record",
            json!({ "max_seconds": record.max_length.as_secs() }),
        );
        let callback = record
            .callback
            .url
            .as_ref()
            .and_then(|url| resolve(&loaded.url, url));
        let options = RecordingOptions {
            channels: 1,
            track: "inbound".to_owned(),
            callback: callback.map(|url| Hook {
                url,
                get: record.callback.get,
            }),
            events: record.callback_events.clone(),
        };
        let sid = self.start_tape(options, "RecordVerb");
        let spoken = if self.callee.silent {
            Duration::ZERO
        } else {
            MESSAGE.min(record.max_length)
        };
        let silence = record.timeout.min(record.max_length.saturating_sub(spoken));
        self.sound(Voice::Callee, spoken);
        let began = self.clock.passed();
        let waited = self.wait(spoken + silence).await;
        let own = self.tapes.iter().position(|tape| tape.sid == sid);
        let Some(mut tape) = own.map(|at| self.tapes.remove(at)) else {
            return Ok(Next::On);
        };
        self.stop_tape(&mut tape, Some(spoken.min(self.clock.since(began))));
        let recorded = self.recorded_form(&sid);
        self.process(&tape);
        let next = if recorded.is_empty() {
            Next::On
        } else {
            let mut form = recorded;
            form.extend(form::pairs([(
                "Digits",
                if waited.is_err() { "hangup" } else { "" },
            )]));
            self.go(&record.action, loaded, form)
        };
        if let (Err(Stop::End(_)), Next::To(Source::Url(hook), extra)) = (&waited, &next) {
            self.tell_after_hangup(hook.clone(), extra.clone());
        }
        waited.map(|()| next)
    }

    /// The action of a verb during which the call ended is asked all the same; its answer changes nothing.
    fn tell_after_hangup(&self, hook: Hook, extra: Form) {
        let mut form = self.form();
        form.retain(|(name, _)| name != "CallStatus");
        form.extend(form::pairs([("CallStatus", "completed")]));
        form.extend(extra);
        self.enqueue(Callback {
            kind: CallbackKind::Voice,
            event: "completed".to_owned(),
            hook,
            form,
            token: new_token(),
        });
    }

    /// To a URL as a document names it: relative to that document, which is meant itself where it names none.
    fn go(&self, action: &Action, loaded: &Loaded, form: Form) -> Next {
        let base = match (&self.request.source, loaded.url.as_str()) {
            (Source::Url(own), "") => own.url.as_str(),
            (_, base) => base,
        };
        let url = match &action.url {
            None => Some(base.to_owned()).filter(|base| !base.is_empty()),
            Some(url) => resolve(base, url),
        };
        match (url, &self.request.source) {
            (Some(url), _) => Next::To(
                Source::Url(Hook {
                    url,
                    get: action.get,
                }),
                form,
            ),
            (None, Source::Inline(text)) if action.url.is_none() => {
                Next::To(Source::Inline(text.clone()), form)
            }
            (None, _) => Next::End,
        }
    }

    pub(super) fn tell_verb(&self, verb: &str, mut detail: serde_json::Value) {
        detail["verb"] = verb.into();
        self.sim.log.write("verb", Some(&self.sid), detail);
    }
}
