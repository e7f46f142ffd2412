//! Requests of transfers: dials the other number, asks its owner for a key, and goes on after the end of the leg.
//!
//! A number is dialled only while no leg of the step is known to have been dialled, so no request can dial it twice.

use axum::response::Response;
use outdial::{
    dao::{DaoError, StepEvent, VoiceLookup},
    domain::{
        Call, CallSid, LegMoment, LegStatus, Notice, Speech, Transfer, TransferLeg, TransferPlace,
    },
    service::steps,
    twilio::{self, step_retry, transfer_retry},
    webhook::{StepRequest, twiml},
};

use crate::{
    apology::VoiceRequest,
    app::App,
    found::{call_to_play, speech_of},
};

/// Answers a request at a place of a transfer.
pub(crate) async fn play(
    app: &App,
    request: &VoiceRequest,
    step: &StepRequest,
    place: &TransferPlace,
    sid: &CallSid,
) -> Response {
    let turn = Turn {
        app,
        request,
        step,
        place,
        sid,
    };
    match place.moment {
        LegMoment::Dial => turn.dial().await,
        LegMoment::Whisper => turn.whisper().await,
        LegMoment::Accept => turn.accept().await,
        LegMoment::Ended => turn.ended().await,
    }
}

/// One request.
struct Turn<'a> {
    app: &'a App,
    request: &'a VoiceRequest,
    step: &'a StepRequest,
    place: &'a TransferPlace,
    sid: &'a CallSid,
}

impl Turn<'_> {
    /// Dials, if the rules allow it now. Otherwise the continuation without a connection follows.
    async fn dial(&self) -> Response {
        let call = match self.call_to_dial().await {
            Ok(Ok(call)) => call,
            Ok(Err(response)) => return response,
            Err(error) => return self.unstored(error, step_retry(&self.step.url, None)).await,
        };
        if call.hangup_requested || call.opted_out {
            return twiml(twilio::hangup());
        }
        let Some((transfer, leg)) = self
            .transfer(&call)
            .zip(call.transfer_leg(&self.place.step))
        else {
            tracing::error!(call_sid = %self.sid, "unknown transfer, apologized");
            return self.app.apologize(self.request).await;
        };
        match leg.status {
            LegStatus::Dialing => {
                let from = &call.from_number;
                twiml(steps::dial(transfer, self.place, from, &self.step.url))
            }
            LegStatus::Answered | LegStatus::Accepted => {
                tracing::error!(call_sid = %self.sid, "transfer under way requested again");
                twiml(twilio::hangup())
            }
            _ => self.go_on(&call, leg).await,
        }
    }

    /// Returns the call with its leg, which this request begins if there is none.
    async fn call_to_dial(&self) -> Result<Result<Box<Call>, Response>, DaoError> {
        let (app, id, step) = (self.app, self.step.call_id, &self.place.step);
        let found = app.dao.look_up_for_voice(Some(id), self.sid).await?;
        let call = match call_to_play(app, found, self.sid) {
            Ok(call) => call,
            Err(response) => return Ok(Err(response)),
        };
        let has_begun = call.transfer_leg(step).is_some() || call.hangup_requested;
        let Some(transfer) = self.transfer(&call).filter(|_| !has_begun) else {
            return Ok(Ok(call));
        };
        let line = call.transfer_line(&transfer.to);
        let leg = match app.dao.check_transfer(line).await? {
            None => TransferLeg::new(step, LegStatus::Dialing),
            Some(rule) => {
                tracing::warn!(reason = rule.as_str(), call_sid = %self.sid, "transfer refused");
                TransferLeg::refused(step, rule)
            }
        };
        let begun = self.record(self.sid, leg).await?;
        Ok(call_to_play(app, begun, self.sid))
    }

    /// Asks the other party for the key that connects. Without the database, it asks in default words.
    async fn whisper(&self) -> Response {
        let Some(parent) = &self.step.leg.parent else {
            tracing::error!(call_sid = %self.sid, "leg without a ParentCallSid hung up");
            return twiml(twilio::hangup());
        };
        let leg = TransferLeg::of_call(&self.place.step, LegStatus::Answered, self.sid);
        let url = &self.step.url;
        match self.record(parent, leg).await {
            Ok(VoiceLookup::Call(call, _)) if !call.hangup_requested => {
                let words = self.transfer(&call).and_then(|it| it.whisper.as_ref());
                let speech = speech_of(self.app, &call);
                let caller = self.app.speech.notice(Notice::Identity, &speech);
                let caller = caller.map(|(text, _)| text);
                twiml(steps::whisper(words, self.place, &speech, caller, url))
            }
            Ok(_) => {
                tracing::warn!(call_sid = %self.sid, "leg of no call hung up");
                twiml(twilio::hangup())
            }
            Err(error) => {
                tracing::warn!(%error, call_sid = %self.sid, "whisper in default words");
                let speech: &Speech = &self.app.speech.speech;
                twiml(steps::whisper(None, self.place, speech, None, url))
            }
        }
    }

    /// Connects the other party, if it pressed the key for that. The connection does not wait for a failing database, because
    /// the end of the leg is stored as well.
    async fn accept(&self) -> Response {
        let keys = self.step.keys.as_deref();
        let is_accepted = keys == Some(Transfer::ACCEPT_KEY);
        if let Some(parent) = self.step.leg.parent.as_ref().filter(|_| is_accepted) {
            let leg = TransferLeg::of_call(&self.place.step, LegStatus::Accepted, self.sid);
            match self.record(parent, leg).await {
                Ok(VoiceLookup::Call(call, _)) if call.hangup_requested => {
                    return twiml(twilio::hangup());
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, call_sid = %self.sid, "accepted leg not stored");
                }
            }
        }
        twiml(steps::connect(keys))
    }

    /// Stores the end of the leg. After a connection the call ends, otherwise it goes on.
    async fn ended(&self) -> Response {
        let Some(end) = &self.place.end else {
            tracing::error!(call_sid = %self.sid, "end of a transfer without a DialCallStatus");
            return self.app.apologize(self.request).await;
        };
        let call = match self.record(self.sid, end.to_leg(&self.place.step)).await {
            Ok(found) => match call_to_play(self.app, found, self.sid) {
                Ok(call) => call,
                Err(response) => return response,
            },
            Err(error) => {
                let retry = transfer_retry(&self.step.url, end);
                // The queue takes the end of a connection, and nobody waits for an answer.
                let retry = retry.filter(|_| !self.request.hangs_up);
                return self.unstored(error, retry).await;
            }
        };
        match call.transfer_leg(&self.place.step) {
            Some(leg) if !call.hangup_requested => self.go_on(&call, leg).await,
            _ => twiml(twilio::hangup()),
        }
    }

    async fn go_on(&self, call: &Call, leg: &TransferLeg) -> Response {
        let steps = call.steps.as_ref();
        let Some(playing) = steps.and_then(|it| it.after_transfer(self.place, leg)) else {
            return self.app.apologize(self.request).await;
        };
        let speech = speech_of(self.app, call);
        twiml(steps::render(&playing, &self.step.url, &speech, None))
    }

    async fn record(&self, sid: &CallSid, leg: TransferLeg) -> Result<VoiceLookup, DaoError> {
        let event = StepEvent::Transfer(leg);
        self.app
            .dao
            .record_step(self.step.call_id, sid, &event)
            .await
    }

    fn transfer<'a>(&self, call: &'a Call) -> Option<&'a Transfer> {
        let steps = call.steps.as_ref()?;
        steps
            .transfer(&self.place.step)
            .map(|(_, transfer)| transfer)
    }

    /// Answers a request that could not be stored: tries again, or ends the call.
    async fn unstored(&self, error: DaoError, retry_url: Option<String>) -> Response {
        if let Some(retry_url) = retry_url.filter(|_| error.is_transient()) {
            tracing::warn!(%error, call_sid = %self.sid, "transfer not stored, redirected");
            return self.app.one_moment(&self.request.speech, &retry_url);
        }
        tracing::error!(%error, call_sid = %self.sid, "transfer not stored, call ended");
        self.app.apologize(self.request).await
    }
}
