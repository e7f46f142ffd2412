//! People who call our number, mostly because it has called them: says who calls them, takes the opt-out key, and forwards the call.
//!
//! Such a call has no record. Its URLs have all that the next request needs.

use std::time::Duration;

use axum::{extract::State, response::Response};
use outdial::{
    dao::within,
    domain::{CallSid, Notice, OptOutKey, PhoneNumber, Speech},
    service::{
        rules::{self, Line},
        steps,
    },
    twilio::{self, Element, PRESSED, inbound_plays, inbound_url, query_pairs, step_retry},
    webhook::{InboundForm, QueuedWebhook, SignedForm, parse_inbound, twiml},
};
use tokio::time::Instant;
use tracing::field;

use crate::{app::App, found::GOODBYE};

/// The most times that a person hears the words: after silence, if the call is not forwarded, and after wrong keys.
const MOST_PLAYS: u32 = 3;
/// The time limit for the language of the last call to the person, who hears ringing meanwhile. Without it, the default language
/// is spoken.
const LANGUAGE_TIMEOUT: Duration = Duration::from_secs(1);
/// The time limit for an opt-out: with the queue's, less than Twilio waits.
const OPT_OUT_TIMEOUT: Duration = Duration::from_secs(2);
/// Seconds to press a key after the words.
const TIMEOUT: &str = "5";

/// Answer a person who calls back
///
/// Twilio requests TwiML for a call to our number. The person hears who calls, and can press the opt-out key. The number is blocked only if it was dialled within the last 90 days. Then the call is forwarded, or ends. The status is 200 even if something fails: then the TwiML speaks an apology.
#[utoipa::path(
    post, path = "/twilio/inbound", tag = "webhooks", operation_id = "twilio_inbound",
    params(
        ("lang" = Option<String>, Query, description = "The language of the last call to the person"),
        ("plays" = Option<u32>, Query, description = "How many times the person has heard the words"),
        ("retry" = Option<u32>, Query, description = "How many times this request was redirected to its own URL because neither the database nor the queue responded", minimum = 1, maximum = 3),
        ("pressed" = Option<String>, Query, description = "The keys of the request before a redirect"),
        ("X-Twilio-Signature" = String, Header, description = "Twilio's signature of the URL and the form"),
    ),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "Twilio's voice request"),
    responses(
        (status = 200, description = "TwiML", content_type = "text/xml", body = String),
        (status = 403, description = "Twilio's signature is missing or wrong (`bad_signature`)"),
    )
)]
pub(crate) async fn inbound(State(app): State<App>, form: SignedForm) -> Response {
    let call = parse_inbound(&form.body);
    let pairs = query_pairs(&form.url);
    let pressed = pairs.into_iter().find(|(name, _)| name == PRESSED);
    Caller {
        keys: call.keys.clone().or(pressed.map(|(_, keys)| keys)),
        number: call.from.clone().filter(is_of_a_line),
        plays: inbound_plays(&form.url),
        app: &app,
        call,
        form,
    }
    .answer()
    .await
}

/// One request of a call to our number.
struct Caller<'a> {
    app: &'a App,
    form: SignedForm,
    call: InboundForm,
    number: Option<PhoneNumber>,
    keys: Option<String>,
    plays: u32,
}

impl Caller<'_> {
    async fn answer(self) -> Response {
        let key = self.app.speech.opt_out_key;
        match self.keys.as_deref() {
            Some(keys) if key.is_some_and(|key| key.is(keys)) => self.opt_out().await,
            _ if self.plays == 0 => {
                let speech = self.speech_of_last_call().await;
                self.opening(&speech)
            }
            Some(_) if self.plays < MOST_PLAYS => self.opening(&self.speech()),
            None if self.app.forward_to.is_none() && self.plays < MOST_PLAYS => {
                self.opening(&self.speech())
            }
            _ => self.forward().await,
        }
    }

    /// Says who calls, and takes the key.
    fn opening(&self, speech: &Speech) -> Response {
        let app = self.app;
        let key = app.speech.opt_out_key;
        let needed = if key.is_some() {
            Notice::OptOut
        } else {
            Notice::Identity
        };
        let has_words = app.speech.notices.find(&speech.language, needed).is_some();
        let speech = if has_words {
            speech
        } else {
            &app.speech.speech
        };
        let notice = |notice| {
            app.speech
                .notice(notice, speech)
                .map(|(text, _)| text.to_owned())
        };
        let opt_out = key.map(|key| notice(Notice::OptOut).unwrap_or_else(|| default_opt_out(key)));
        let words: Vec<_> = notice(Notice::Identity)
            .into_iter()
            .chain(opt_out)
            .collect();
        let words = words.iter().flat_map(|text| {
            let Speech {
                voice, language, ..
            } = speech;
            twilio::say(text, voice.as_str(), language.as_str())
        });
        let next = inbound_url(
            &self.form.url,
            &speech.language,
            self.plays.saturating_add(1),
        );
        let mut verbs: Vec<_> = words.collect();
        if key.is_some() {
            let gather = Element::new("Gather")
                .attribute("action", next.clone())
                .attribute("finishOnKey", "")
                .attribute("input", "dtmf")
                .attribute("method", "POST")
                .attribute("numDigits", "1")
                .attribute("timeout", TIMEOUT);
            verbs = vec![verbs.into_iter().fold(gather, Element::child)];
        }
        if key.is_some() || app.forward_to.is_some() {
            verbs.push(
                Element::new("Redirect")
                    .attribute("method", "POST")
                    .text(next),
            );
        } else if verbs.is_empty() {
            return app.say(GOODBYE);
        } else {
            verbs.push(Element::new("Hangup"));
        }
        twiml(twilio::response(verbs))
    }

    /// Blocks the number, and confirms that. If the database does not respond, the queue takes the opt-out.
    async fn opt_out(&self) -> Response {
        let (Some(number), Some(sid)) = (&self.number, &self.call.call_sid) else {
            tracing::info!(call_sid = self.logged_sid(), "opt-out without a number");
            return self.app.say_notice(Notice::Withheld, &self.speech());
        };
        let request_id = self.form.request_id.clone();
        let message = QueuedWebhook::caller_opted_out(sid, number, request_id);
        let called_at = message.received_at();
        let storing = steps::opt_caller_out(&self.app.dao, number, called_at);
        let error = match within(Instant::now() + OPT_OUT_TIMEOUT, storing).await {
            Ok(is_blocked) => {
                steps::report_caller(sid, is_blocked);
                return self.app.say_notice(Notice::OptedOut, &self.speech());
            }
            Err(error) => error,
        };
        match self.app.put(&message).await {
            Ok(()) => {
                tracing::warn!(call_sid = %sid, %error, "opt-out of a caller queued");
                self.app.say_notice(Notice::OptedOut, &self.speech())
            }
            Err(queue_error) => {
                tracing::error!(call_sid = %sid, %error, queue_error, "opt-out of a caller neither stored nor queued");
                self.again_or_apology()
            }
        }
    }

    /// Connects the person with `INBOUND_FORWARD_TO`, if the rules allow it now. Otherwise the call ends.
    async fn forward(&self) -> Response {
        let (Some(to), Some(called)) = (&self.app.forward_to, &self.call.to) else {
            return twiml(twilio::hangup());
        };
        // The forwarded call has come back.
        if to == called {
            tracing::error!(
                call_sid = self.logged_sid(),
                "call forwarded in a circle hung up"
            );
            return twiml(twilio::hangup());
        }
        match self.app.dao.check_transfer(Line::of(to).spellings()).await {
            Ok(None) => twiml(steps::forward(to, called)),
            Ok(Some(rule)) => {
                tracing::warn!(
                    reason = rule.as_str(),
                    call_sid = self.logged_sid(),
                    "call not forwarded"
                );
                twiml(twilio::hangup())
            }
            Err(error) => {
                tracing::warn!(%error, call_sid = self.logged_sid(), "call not forwarded yet");
                self.again_or_apology()
            }
        }
    }

    /// Asks the person to wait, and Twilio to repeat the request; after three times, apologizes.
    fn again_or_apology(&self) -> Response {
        match step_retry(&self.form.url, self.keys.as_deref()) {
            Some(url) => self.app.one_moment(&self.speech(), &url),
            None => self.app.apology(&self.speech()),
        }
    }

    /// The speech that the URL names.
    fn speech(&self) -> Speech {
        self.app.speech_in(&self.form.url)
    }

    /// The speech of the last call to the person.
    async fn speech_of_last_call(&self) -> Speech {
        let language = match &self.number {
            None => None,
            Some(number) => {
                let line = Line::of(number);
                let reading = self.app.dao.language_of_caller(line.spellings());
                let read = within(Instant::now() + LANGUAGE_TIMEOUT, reading).await;
                read.unwrap_or_else(|error| {
                    tracing::warn!(%error, call_sid = self.logged_sid(), "language of a caller not read");
                    None
                })
            }
        };
        self.app.speech.speech.of_stored(None, language.as_ref())
    }

    fn logged_sid(&self) -> Option<field::DisplayValue<&CallSid>> {
        self.call.call_sid.as_ref().map(field::display)
    }
}

/// Returns false for a number that hides the person, such as +266696687: no numbering plan has it in any spelling.
fn is_of_a_line(number: &PhoneNumber) -> bool {
    let line = Line::of(number);
    let mut spellings = line.spellings().iter();
    spellings.any(|spelling| rules::validate(spelling).is_ok())
}

/// What a person hears if `NOTICES` has no `opt_out`.
fn default_opt_out(key: OptOutKey) -> String {
    format!("To get no further calls from us, press {key}.")
}
