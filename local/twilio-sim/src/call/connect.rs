//! Executing Dials: a leg to another number, and the wait for its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::document::{LoadedDocument, error};
use super::execute::Next;
use super::form::{self, Form};
use super::leg::{Leg, LegEvent, LegNews};
use super::notify::{Severity, notify};
use super::player::{Player, Stop};
use crate::callee::callee;
use crate::model::{Call, CallRequest, Command, Origin, Status, TwimlSource, Update};
use crate::phone_number::e164;
use crate::twiml::{Action, Dial, TwimlError};
use crate::wav::Voice;
use crate::webhook::{WebhookTarget, resolve};

/// The time that Twilio adds to the timeout of a Dial.
const ADDED_TIMEOUT: Duration = Duration::from_secs(5);

/// A leg, as the call that dialled it knows it.
struct DialledLeg {
    sid: String,
    commands: mpsc::UnboundedSender<Command>,
    news: mpsc::UnboundedReceiver<LegNews>,
    /// The age of the call when it dialled.
    dialled: Duration,
    /// The age of the call when the connection began.
    bridged: Option<Duration>,
    /// How it ended: the status, and the seconds since its answer, unless it goes on alone.
    end: Option<(Status, Option<u64>)>,
}

impl Player {
    /// Executes a Dial.
    pub(super) async fn connect(
        &mut self,
        dial: &Dial,
        loaded: &LoadedDocument,
    ) -> Result<Next, Stop> {
        self.log_verb(
            "Dial",
            json!({
                "number": dial.number,
                "caller_id": dial.caller_id,
                "timeout": dial.timeout.as_secs(),
                "time_limit": dial.time_limit.as_secs(),
            }),
        );
        let (form, stayed) = match self.dial_leg(dial, loaded) {
            Ok(mut leg) => {
                let stayed = self.stay_with(&mut leg).await;
                (ended_form(&leg), stayed)
            }
            Err(refused) => {
                let error = (refused.code, refused.message.as_str());
                notify(&self.sim, &self.sid, Severity::Error, error, None);
                let failed = [("DialCallStatus", "failed"), ("DialBridged", "false")];
                (form::pairs(failed), Ok(()))
            }
        };
        self.log("dial.ended", json!(form));
        if dial.action.url.is_none() {
            return stayed.map(|()| Next::Verb);
        }
        let next = self.go(&dial.action, loaded, form);
        if let (Err(Stop::End(_)), Next::Document(TwimlSource::Url(target), extra)) =
            (&stayed, &next)
            && self.sim.config.dial_action_after_hangup
        {
            self.send_action(target.clone(), extra.clone(), "completed");
        }
        stayed.map(|()| next)
    }

    /// Makes the leg and starts it. It is never queued, and doesn't count for the account's dialling rate.
    fn dial_leg(&self, dial: &Dial, loaded: &LoadedDocument) -> Result<DialledLeg, TwimlError> {
        let to = dialled_number(&dial.number)?;
        let target = |action: &Action| {
            let url = action.url.as_ref()?;
            Some(WebhookTarget {
                url: resolve(&loaded.url, url)?,
                get: action.get,
            })
        };
        let request = CallRequest {
            origin: Origin::Dial(self.sid.clone()),
            from: self.caller_id(dial)?,
            source: match target(&dial.whisper) {
                Some(url) => TwimlSource::Url(url),
                None => TwimlSource::Inline("<Response/>".to_owned()),
            },
            fallback: None,
            status_events: dial.callback_events.clone(),
            recording: None,
            timeout: dial.timeout + ADDED_TIMEOUT,
            time_limit: dial.time_limit,
            send_digits: dial.send_digits.clone(),
            detection: None,
            to,
        };
        let (commands, receiver) = mpsc::unbounded_channel();
        let (news, heard) = mpsc::unbounded_channel();
        let now = self.clock.now();
        let callback = target(&dial.callback);
        let call = Call::new(request.clone(), callback, None, now, commands.clone());
        let sid = call.sid.clone();
        let mut tables = self.sim.store.lock();
        let is_to_same = |call: &&Call| call.request.to == request.to;
        let mut callee = callee(&request.to, || tables.calls().filter(is_to_same).count());
        callee.queued = Duration::ZERO;
        let callee = self.sim.config.callees.apply(&request.to, callee);
        let ordinal = tables.add_call(call);
        drop(tables);
        self.sim.log.write(
            "call.status",
            Some(&sid),
            json!({
                "status": "queued",
                "to": request.to,
                "from": request.from,
                "call": ordinal,
                "parent_call_sid": self.sid,
            }),
        );
        let sim = Arc::clone(&self.sim);
        let mut player = Player::new(sim, sid.clone(), ordinal, request, callee, now, receiver);
        player.leg = Some(Leg {
            news,
            other_ends_at: self.time_left(),
        });
        start(player);
        Ok(DialledLeg {
            sid,
            commands,
            news: heard,
            dialled: self.clock.passed(),
            bridged: None,
            end: None,
        })
    }

    /// Returns the number that the other party sees.
    fn caller_id(&self, dial: &Dial) -> Result<String, TwimlError> {
        let Some(given) = &dial.caller_id else {
            return Ok(self.request.from.clone());
        };
        let sim = &self.sim;
        let is_allowed = |number: &String| {
            [&self.request.from, &self.request.to].contains(&number)
                || sim.numbers.iter().any(|own| own.number == *number)
                || sim.caller_ids.iter().any(|own| own.number == *number)
        };
        e164(given)
            .filter(is_allowed)
            .ok_or_else(|| error(13214, format!("callerId {given} is not valid")))
    }

    /// Waits until the leg has ended or goes on alone. The leg's clock advances this call's.
    async fn stay_with(&mut self, leg: &mut DialledLeg) -> Result<(), Stop> {
        while leg.end.is_none() {
            let started = Instant::now();
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => {
                    let passed = self.sim.config.speed.call(started.elapsed());
                    self.clock.advance(passed.min(self.time_left()));
                    if let Err(stop) = self.apply(command) {
                        self.end_leg(leg).await;
                        return Err(stop);
                    }
                    let left = self.own_end().map_or(Duration::MAX, |(end, _)| end);
                    leg.command(Update::OtherLegEndsAt(left.saturating_sub(leg.dialled)));
                }
                news = leg.news.recv() => self.hear(leg, news.as_ref()),
            }
        }
        self.check_time()
    }

    async fn end_leg(&mut self, leg: &mut DialledLeg) {
        leg.command(Update::OtherLegEnded);
        while leg.end.is_none() {
            let news = leg.news.recv().await;
            self.hear(leg, news.as_ref());
        }
    }

    /// Takes note of what happened to the leg. Without news, its task has failed.
    fn hear(&mut self, leg: &mut DialledLeg, news: Option<&LegNews>) {
        let Some(&LegNews { at, event }) = news else {
            leg.end = Some((Status::Failed, None));
            return;
        };
        let now = leg.dialled.saturating_add(at);
        match event {
            LegEvent::Bridged => leg.bridged = Some(now),
            LegEvent::Left => leg.end = Some((Status::Completed, None)),
            LegEvent::Ended { status, seconds } => leg.end = Some((status, Some(seconds))),
        }
        if let (Some(bridged), Some(_)) = (leg.bridged, leg.end) {
            self.clock
                .advance(bridged.saturating_sub(self.clock.passed()));
            self.sound(Voice::Callee, now.saturating_sub(bridged));
        }
        self.clock.advance(now.saturating_sub(self.clock.passed()));
    }
}

impl DialledLeg {
    fn command(&self, update: Update) {
        let (done, _) = oneshot::channel();
        // The leg may have ended.
        let _ = self.commands.send(Command { update, done });
    }
}

/// Starts the task of a leg. The type of its future can't contain itself.
fn start(player: Player) {
    let playing: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(player.play());
    tokio::spawn(playing);
}

fn dialled_number(text: &str) -> Result<String, TwimlError> {
    let Some(number) = e164(text) else {
        return Err(error(13223, format!("{text:?} is not a phone number")));
    };
    let refusal = match number.as_str() {
        "+15005550001" | "+15005550002" => (13224, "Twilio can't call"),
        "+15005550003" => (13227, "the account may not call the country of"),
        "+15005550004" => (13225, "Twilio doesn't call"),
        _ => return Ok(number),
    };
    Err(error(refusal.0, format!("{} {number}", refusal.1)))
}

/// Returns the parameters of the action's request.
fn ended_form(leg: &DialledLeg) -> Form {
    let (status, seconds) = leg.end.unwrap_or((Status::Failed, None));
    let is_bridged = if leg.bridged.is_some() {
        "true"
    } else {
        "false"
    };
    let mut form = form::pairs([
        ("DialCallSid", leg.sid.as_str()),
        ("DialCallStatus", status.as_str()),
        ("DialBridged", is_bridged),
    ]);
    if let Some(seconds) = seconds {
        form.extend(form::pairs([("DialCallDuration", &*seconds.to_string())]));
    }
    form
}
