//! Getting instructions, and what happens where there are none.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::form::{self, Form};
use super::outbox::{ask, new_token, tell_fault};
use super::player::{Ending, Player, Stop};
use crate::faults::{About, CallbackAction, CallbackKind};
use crate::model::{Callback, EndedBy, Hook};
use crate::twiml::{self, Document, MAX_DOCUMENT, Say, Source, TwimlError, Verb};
use crate::webhook::Answer;

/// What is spoken before a call ends for want of instructions.
const APPLICATION_ERROR: &str = "We are sorry, an application error has occurred. Goodbye.";
/// How many documents one call may go through: more is a loop.
const MAX_DOCUMENTS: u32 = 1_000;

/// Instructions, and where they are from.
pub(super) struct Loaded {
    pub(super) verbs: Vec<Verb>,
    /// The URL that relative ones refer to, and that is asked again by default; the call's own one for inline TwiML.
    pub(super) url: String,
}

impl Player {
    /// Gets a document; asks the fallback URL where that fails, and ends the call where that fails too.
    pub(super) async fn load(&mut self, source: &Source, extra: &Form) -> Result<Loaded, Stop> {
        self.documents += 1;
        let result = if self.documents > MAX_DOCUMENTS {
            Err(error(
                11215,
                format!("more than {MAX_DOCUMENTS} documents in one call"),
            ))
        } else {
            self.try_load(source, extra).await?
        };
        let failed = match result {
            Ok(loaded) => return Ok(loaded),
            Err(failed) => failed,
        };
        self.tell_error(&failed);
        let asked = match source {
            Source::Url(hook) => hook.url.clone(),
            Source::Inline(_) => String::new(),
        };
        if let Some(fallback) = self.request.fallback.clone()
            && self.documents <= MAX_DOCUMENTS
        {
            let extra = form::pairs([
                ("ErrorCode", failed.code.to_string().as_str()),
                ("ErrorUrl", &asked),
            ]);
            match self.try_load(&Source::Url(fallback), &extra).await? {
                Ok(loaded) => return Ok(loaded),
                Err(failed) => self.tell_error(&failed),
            }
        }
        self.say(&Say {
            text: APPLICATION_ERROR.to_owned(),
            breaks: Duration::ZERO,
            times: 1,
        })
        .await?;
        Err(Stop::End(Ending::completed(EndedBy::Error)))
    }

    async fn try_load(
        &mut self,
        source: &Source,
        extra: &Form,
    ) -> Result<Result<Loaded, TwimlError>, Stop> {
        let (read, url) = match source {
            Source::Inline(text) => (twiml::read(text), String::new()),
            Source::Url(hook) => match self.ask_voice(hook, extra).await? {
                Ok(answer) => (interpret(&answer), answer.url),
                Err(failed) => return Ok(Err(failed)),
            },
        };
        Ok(read.map(|document| {
            for warning in document.warnings {
                self.sim.log.write(
                    "warning",
                    Some(&self.sid),
                    json!({ "code": 12200, "message": warning }),
                );
            }
            Loaded {
                verbs: document.verbs,
                url,
            }
        }))
    }

    async fn ask_voice(
        &mut self,
        hook: &Hook,
        extra: &Form,
    ) -> Result<Result<Answer, TwimlError>, Stop> {
        let mut form = self.form();
        form.extend(extra.clone());
        self.asked += 1;
        let about = About {
            kind: CallbackKind::Voice,
            event: "in-progress",
            to: &self.request.to,
            call: self.ordinal,
            ordinal: self.asked,
        };
        let fault = self.sim.faults.on_callback(about);
        if let Some((action, delay)) = fault {
            tell_fault(
                &self.sim,
                &self.sid,
                "in-progress",
                CallbackKind::Voice,
                action,
                delay,
            );
        }
        let (sim, sid) = (Arc::clone(&self.sim), self.sid.clone());
        let (kind, event, hook) = (CallbackKind::Voice, "in-progress".to_owned(), hook.clone());
        let request = Callback {
            kind,
            event,
            hook,
            form,
            token: new_token(),
        };
        let asked = self.during(async move {
            match fault {
                Some((CallbackAction::Drop, _)) => {
                    return Err(error(11205, "the fault plan dropped the request"));
                }
                Some((CallbackAction::Delay, delay)) => tokio::time::sleep(delay).await,
                _ => {}
            }
            let answer = ask(&sim, &sid, &request).await;
            if matches!(fault, Some((CallbackAction::Duplicate, _))) {
                let _ = ask(&sim, &sid, &request).await;
            }
            answer.map_err(|trouble| error(trouble.code, trouble.message))
        });
        asked.await
    }

    fn tell_error(&self, failed: &TwimlError) {
        self.sim.log.write(
            "error",
            Some(&self.sid),
            json!({ "code": failed.code, "message": failed.message }),
        );
    }
}

/// What an answer tells to do.
fn interpret(answer: &Answer) -> Result<Document, TwimlError> {
    if !answer.status.is_success() {
        return Err(error(
            11200,
            format!("{} answered {}", answer.url, answer.status),
        ));
    }
    if answer.body.len() > MAX_DOCUMENT {
        return Err(error(
            11750,
            format!("a document of more than {MAX_DOCUMENT} bytes"),
        ));
    }
    let text = String::from_utf8_lossy(&answer.body);
    let only = |verb| {
        Ok(Document {
            verbs: vec![verb],
            warnings: Vec::new(),
        })
    };
    match answer.media_type.as_str() {
        _ if answer.status == http::StatusCode::NO_CONTENT => Ok(Document {
            verbs: Vec::new(),
            warnings: Vec::new(),
        }),
        "text/xml" | "application/xml" | "text/html" => match std::str::from_utf8(&answer.body) {
            Ok(text) => twiml::read(text),
            Err(_) => Err(error(12100, "the document is not UTF-8")),
        },
        "text/plain" => only(Verb::Say(Say {
            text: text.into_owned(),
            breaks: Duration::ZERO,
            times: 1,
        })),
        audio if audio.starts_with("audio/") => only(Verb::Play(twiml::Play {
            url: answer.url.clone(),
            digits: None,
            times: 1,
        })),
        other => Err(error(12300, format!("a document of type {other:?}"))),
    }
}

fn error(code: u32, message: impl Into<String>) -> TwimlError {
    TwimlError {
        code,
        message: message.into(),
    }
}
