//! Executing the verbs of documents.

use std::time::Duration;

use serde_json::json;

use super::audio::Audio;
use super::document::LoadedDocument;
use super::form::{self, Form};
use super::outbox::new_token;
use super::player::{Player, Stop};
use crate::faults::CallbackKind;
use crate::model::{Callback, RecordingOptions, TwimlSource, new_sid};
use crate::twiml::{Action, Record, TwimlError, Verb};
use crate::wav::Voice;
use crate::webhook::{WebhookTarget, resolve};

/// The length of the called party's message at a Record.
const MESSAGE: Duration = Duration::from_secs(3);

/// The next step after a verb.
pub(super) enum Next {
    /// The next verb, or the end of the document.
    Verb,
    /// The end of the call.
    End,
    /// The fallback URL, because a verb failed.
    Failed(TwimlError),
    /// Another document, with these additional parameters.
    Document(TwimlSource, Form),
}

impl Player {
    /// Executes documents until one of them ends the call. Returns true if the last one ran out of verbs, and did not hang up.
    pub(super) async fn follow(&mut self, mut source: TwimlSource) -> Result<bool, Stop> {
        let mut loaded = self.load(&source, &Form::new()).await?;
        // A call to the account's number is answered when its instructions have come.
        self.pick_up();
        let mut has_fallen_back = false;
        loop {
            match self.execute(&loaded).await? {
                Next::Document(other, form) => {
                    source = other;
                    has_fallen_back = false;
                    loaded = self.load(&source, &form).await?;
                }
                // A fallback that fails too has no other fallback.
                Next::Failed(failed) if has_fallen_back => {
                    return Err(self.apologize(&failed, &source).await?);
                }
                Next::Failed(failed) => {
                    has_fallen_back = true;
                    loaded = self.fall_back(&failed, &source).await?;
                }
                Next::Verb => return Ok(true),
                Next::End => return Ok(false),
            }
        }
    }

    async fn execute(&mut self, loaded: &LoadedDocument) -> Result<Next, Stop> {
        for verb in &loaded.verbs {
            let next = match verb {
                Verb::Say(say) => self.say(say).await.map(|()| Next::Verb)?,
                Verb::Play(play) => match self.fetch(play, loaded).await? {
                    Audio::Fetched => self.play_audio(play).await.map(|()| Next::Verb)?,
                    Audio::Skipped => Next::Verb,
                    Audio::Failed(failed) => Next::Failed(failed),
                },
                Verb::Pause(length) => self.pause(*length).await.map(|()| Next::Verb)?,
                Verb::Record(record) => self.record(record, loaded).await?,
                Verb::Gather(gather) => self.gather(gather, loaded).await?,
                Verb::Dial(dial) => self.connect(dial, loaded).await?,
                Verb::Redirect(action) => {
                    self.log_verb("Redirect", json!({ "url": action.url }));
                    self.go(action, loaded, Form::new())
                }
                Verb::Hangup | Verb::Reject => {
                    self.log_verb(verb.name(), json!({}));
                    Next::End
                }
            };
            if !matches!(next, Next::Verb) {
                return Ok(next);
            }
        }
        Ok(Next::Verb)
    }

    pub(super) async fn pause(&mut self, length: Duration) -> Result<(), Stop> {
        self.log_verb("Pause", json!({ "seconds": length.as_secs() }));
        self.wait(length).await
    }

    async fn record(&mut self, record: &Record, loaded: &LoadedDocument) -> Result<Next, Stop> {
        self.log_verb(
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
            callback: callback.map(|url| WebhookTarget {
                url,
                get: record.callback.get,
            }),
            events: record.callback_events.clone(),
        };
        let sid = new_sid("RE");
        self.start_recording(sid.clone(), options, "RecordVerb");
        let spoken = if self.callee.silent {
            Duration::ZERO
        } else {
            MESSAGE.min(record.max_length)
        };
        let silence = record.timeout.min(record.max_length.saturating_sub(spoken));
        self.sound(Voice::Callee, spoken);
        let began = self.clock.passed();
        let waited = self.wait(spoken + silence).await;
        let index = self.recordings.iter().position(|active| active.sid == sid);
        let Some(mut active) = index.map(|index| self.recordings.remove(index)) else {
            return waited.map(|()| Next::Verb);
        };
        self.stop_recording(&mut active, Some(spoken.min(self.clock.since(began))));
        let recorded = self.recorded_form(&sid);
        self.finish_recording(&active);
        let next = if recorded.is_empty() {
            Next::Verb
        } else {
            let mut form = recorded;
            form.extend(form::pairs([(
                "Digits",
                if waited.is_err() { "hangup" } else { "" },
            )]));
            self.go(&record.action, loaded, form)
        };
        if let (Err(Stop::End(_)), Next::Document(TwimlSource::Url(target), extra)) =
            (&waited, &next)
        {
            self.send_action(target.clone(), extra.clone(), "completed");
        }
        waited.map(|()| next)
    }

    /// Requests the action of a verb during which the call ended or went on elsewhere. The response has no effect.
    pub(super) fn send_action(&self, target: WebhookTarget, extra: Form, status: &str) {
        let mut form = self.form();
        form.retain(|(name, _)| name != "CallStatus");
        form.extend(form::pairs([("CallStatus", status)]));
        form.extend(extra);
        self.enqueue(Callback {
            kind: CallbackKind::Voice,
            event: status.to_owned(),
            target,
            form,
            token: new_token(),
        });
    }

    /// Leads to the URL of an action, relative to the current document. Without a URL, it leads to the document itself.
    pub(super) fn go(&self, action: &Action, loaded: &LoadedDocument, form: Form) -> Next {
        let base = match (&self.request.source, loaded.url.as_str()) {
            (TwimlSource::Url(own), "") => own.url.as_str(),
            (_, base) => base,
        };
        let url = match &action.url {
            None => Some(base.to_owned()).filter(|base| !base.is_empty()),
            Some(url) => resolve(base, url),
        };
        match (url, &self.request.source) {
            (Some(url), _) => Next::Document(
                TwimlSource::Url(WebhookTarget {
                    url,
                    get: action.get,
                }),
                form,
            ),
            (None, TwimlSource::Inline(text)) if action.url.is_none() => {
                Next::Document(TwimlSource::Inline(text.clone()), form)
            }
            (None, _) => Next::End,
        }
    }
}
