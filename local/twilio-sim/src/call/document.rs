//! Fetching instructions, with the fallback URL and the apology when that fails.

use std::sync::Arc;
use std::time::Duration;

use super::form::{self, Form};
use super::leg;
use super::notify::{Severity, notify, requested};
use super::outbox::{log_fault, new_token, send_webhook};
use super::player::{Ending, Player, Stop};
use crate::faults::{CallbackAction, CallbackContext, CallbackKind};
use crate::model::{Callback, EndedBy, TwimlSource};
use crate::twiml::{self, Document, MAX_DOCUMENT, Say, TwimlError, Verb};
use crate::webhook::{WebhookResponse, WebhookTarget};

/// The apology before a call without instructions ends.
const APPLICATION_ERROR: &str = "We are sorry, an application error has occurred. Goodbye.";
/// The most documents of one call; more count as a loop.
const MAX_DOCUMENTS: u32 = 1_000;

/// Instructions and their origin.
pub(super) struct LoadedDocument {
    pub(super) verbs: Vec<Verb>,
    /// The base of relative URLs and the default URL of actions. Empty for inline TwiML.
    pub(super) url: String,
}

impl Player {
    /// Loads a document. If that fails, it loads the fallback URL; if that fails too, it apologizes and ends the call.
    pub(super) async fn load(
        &mut self,
        source: &TwimlSource,
        extra: &Form,
    ) -> Result<LoadedDocument, Stop> {
        self.documents += 1;
        let result = if self.documents > MAX_DOCUMENTS {
            Err(error(
                11215,
                format!("the call has loaded more than {MAX_DOCUMENTS} documents"),
            ))
        } else {
            self.try_load(source, extra).await?
        };
        match result {
            Ok(loaded) => Ok(loaded),
            Err(failed) => self.fall_back(&failed, source).await,
        }
    }

    /// Loads the fallback URL after a document failed, or apologizes and ends the call.
    pub(super) async fn fall_back(
        &mut self,
        failed: &TwimlError,
        source: &TwimlSource,
    ) -> Result<LoadedDocument, Stop> {
        self.log_error(failed, source);
        let failed_url = match source {
            TwimlSource::Url(target) => target.url.clone(),
            TwimlSource::Inline(_) => String::new(),
        };
        if let Some(fallback) = self.request.fallback.clone()
            && self.documents <= MAX_DOCUMENTS
        {
            let extra = form::pairs([
                ("ErrorCode", failed.code.to_string().as_str()),
                ("ErrorUrl", &failed_url),
            ]);
            let fallback = TwimlSource::Url(fallback);
            match self.try_load(&fallback, &extra).await? {
                Ok(loaded) => return Ok(loaded),
                Err(failed) => self.log_error(&failed, &fallback),
            }
        }
        Err(self.say_application_error().await?)
    }

    /// Logs an error, and apologizes. Returns the end of the call.
    pub(super) async fn apologize(
        &mut self,
        failed: &TwimlError,
        source: &TwimlSource,
    ) -> Result<Stop, Stop> {
        self.log_error(failed, source);
        self.say_application_error().await
    }

    async fn say_application_error(&mut self) -> Result<Stop, Stop> {
        self.say(&Say {
            text: APPLICATION_ERROR.to_owned(),
            breaks: Duration::ZERO,
            times: 1,
        })
        .await?;
        Ok(Stop::End(Ending::completed(EndedBy::Error)))
    }

    async fn try_load(
        &mut self,
        source: &TwimlSource,
        extra: &Form,
    ) -> Result<Result<LoadedDocument, TwimlError>, Stop> {
        let (read, url) = match source {
            TwimlSource::Inline(text) => (twiml::read(text), String::new()),
            TwimlSource::Url(target) => match self.request_document(target, extra).await? {
                Ok(response) => (interpret(&response), response.url),
                Err(failed) => return Ok(Err(failed)),
            },
        };
        let read = read.and_then(|document| match &self.leg {
            Some(_) => leg::whispered(document),
            None => Ok(document),
        });
        Ok(read.map(|document| {
            for warning in document.warnings {
                let warning = (12200, warning.as_str());
                notify(
                    &self.sim,
                    &self.sid,
                    Severity::Warning,
                    warning,
                    requested(source),
                );
            }
            LoadedDocument {
                verbs: document.verbs,
                url,
            }
        }))
    }

    /// Requests a document, with the faults of the plan.
    async fn request_document(
        &mut self,
        target: &WebhookTarget,
        extra: &Form,
    ) -> Result<Result<WebhookResponse, TwimlError>, Stop> {
        let mut form = self.form();
        form.extend(extra.clone());
        self.voice_requests += 1;
        let context = CallbackContext {
            kind: CallbackKind::Voice,
            event: "in-progress",
            to: &self.request.to,
            call: self.ordinal,
            ordinal: self.voice_requests,
        };
        let fault = self.sim.faults.on_callback(context);
        if let Some((action, delay)) = fault {
            log_fault(
                &self.sim,
                &self.sid,
                "in-progress",
                CallbackKind::Voice,
                action,
                delay,
            );
        }
        let (sim, sid) = (Arc::clone(&self.sim), self.sid.clone());
        let request = Callback {
            kind: CallbackKind::Voice,
            event: "in-progress".to_owned(),
            target: target.clone(),
            form,
            token: new_token(),
        };
        let result = self.wait_for(async move {
            match fault {
                Some((CallbackAction::Drop, _)) => {
                    return Err(error(11205, "the fault plan dropped the request"));
                }
                Some((CallbackAction::Delay, delay)) => tokio::time::sleep(delay).await,
                _ => {}
            }
            let result = send_webhook(&sim, &sid, &request).await;
            if matches!(fault, Some((CallbackAction::Duplicate, _))) {
                let _ = send_webhook(&sim, &sid, &request).await;
            }
            result.map_err(|failed| error(failed.code, failed.message))
        });
        result.await
    }

    fn log_error(&self, failed: &TwimlError, source: &TwimlSource) {
        let error = (failed.code, failed.message.as_str());
        notify(
            &self.sim,
            &self.sid,
            Severity::Error,
            error,
            requested(source),
        );
    }
}

/// Converts a response to a document, depending on its media type.
fn interpret(response: &WebhookResponse) -> Result<Document, TwimlError> {
    if !response.status.is_success() {
        return Err(error(
            11200,
            format!("{} responded with {}", response.url, response.status),
        ));
    }
    if response.body.len() > MAX_DOCUMENT {
        return Err(error(
            11750,
            format!("the document has more than {MAX_DOCUMENT} bytes"),
        ));
    }
    let text = String::from_utf8_lossy(&response.body);
    let only = |verb| {
        Ok(Document {
            verbs: vec![verb],
            warnings: Vec::new(),
        })
    };
    match response.media_type.as_str() {
        _ if response.status == http::StatusCode::NO_CONTENT => Ok(Document {
            verbs: Vec::new(),
            warnings: Vec::new(),
        }),
        "text/xml" | "application/xml" | "text/html" => match std::str::from_utf8(&response.body) {
            Ok(text) => twiml::read(text),
            Err(_) => Err(error(12100, "the document is not UTF-8")),
        },
        "text/plain" => only(Verb::Say(Say {
            text: text.into_owned(),
            breaks: Duration::ZERO,
            times: 1,
        })),
        audio if audio.starts_with("audio/") => only(Verb::Play(twiml::Play {
            url: response.url.clone(),
            digits: None,
            fetched: true,
            times: 1,
        })),
        other => Err(error(
            12300,
            format!("the document has type {other:?}, which is not TwiML"),
        )),
    }
}

pub(super) fn error(code: u32, message: impl Into<String>) -> TwimlError {
    TwimlError {
        code,
        message: message.into(),
    }
}
