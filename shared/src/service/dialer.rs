//! One request to Twilio to dial a stored call, and what follows an accepted one.

use std::{sync::Arc, time::Duration};

use super::{
    double_dial::{DoubleDial, report_double_dial},
    hang_up::hang_up_as_requested,
};
use crate::{
    config::{CallConfig, PublicUrls},
    dao::Dao,
    domain::{Call, CallSid, DialResult, Language, Speech, Steps},
    twilio::{OutboundCall, TwilioClient},
};

/// Time limit for a hang-up after a dial, with storing it.
pub const HANG_UP_AFTER_DIAL: Duration = Duration::from_secs(4);

/// Dials calls.
pub struct Dialer {
    twilio: Arc<TwilioClient>,
    urls: Arc<PublicUrls>,
    speech: Speech,
    ring_timeout_seconds: u32,
    time_limit_seconds: u32,
}

impl Dialer {
    /// Builds the service. Connects to nothing.
    #[must_use]
    pub fn new(twilio: Arc<TwilioClient>, config: &CallConfig, urls: Arc<PublicUrls>) -> Self {
        Self {
            twilio,
            urls,
            speech: config.speech.clone(),
            ring_timeout_seconds: config.ring_timeout_seconds,
            time_limit_seconds: config.time_limit_seconds,
        }
    }

    /// Asks Twilio to dial. Repeats the request only if Twilio certainly did not take it.
    pub async fn dial(&self, call: &Call) -> DialResult {
        let language = self.language(call);
        let request = self.request(call, &language);
        self.twilio.make_outbound_call(&request).await
    }

    /// Asks Twilio to dial, with one request.
    pub async fn dial_once(&self, call: &Call) -> DialResult {
        let language = self.language(call);
        let request = self.request(call, &language);
        self.twilio.make_outbound_call_once(&request).await
    }

    fn language(&self, call: &Call) -> Language {
        let (voice, language) = (call.voice.as_ref(), call.language.as_ref());
        self.speech.of_stored(voice, language).language
    }

    fn request<'a>(&'a self, call: &'a Call, language: &'a Language) -> OutboundCall<'a> {
        let (machine_detection, is_in_background) = call.detection().unzip();
        // If audio fails, `voice` says words instead. Nobody else can.
        let plays_audio = call.steps.as_ref().is_some_and(Steps::has_audio);
        OutboundCall {
            call_id: call.call_id,
            to: &call.to_number,
            from: &call.from_number,
            voice_url: &self.urls.voice,
            fallback_url: self.urls.fallback.as_deref().filter(|_| !plays_audio),
            status_url: &self.urls.status,
            recording_url: &self.urls.recording,
            language,
            has_steps: call.steps.is_some(),
            record: call.recording_enabled,
            transcribe: call.transcribe,
            machine_detection,
            machine_url: is_in_background
                .unwrap_or_default()
                .then_some(self.urls.machine.as_str()),
            ring_timeout_seconds: self.ring_timeout_seconds,
            time_limit_seconds: call.time_limit(self.time_limit_seconds),
        }
    }

    /// Does what follows Twilio's acceptance under `sid`, once it is stored: reports a double dial, and hangs up if a client
    /// asked for that meanwhile. Returns the call after that.
    pub async fn accepted(&self, dao: &Dao, stored: Call, sid: &CallSid) -> Call {
        if stored.twilio_sid.as_ref() != Some(sid) {
            report_double_dial(DoubleDial::OtherCallSid, Some(sid));
        }
        if !stored.hangup_requested || stored.status.is_terminal() {
            return stored;
        }
        let id = Some(stored.call_id);
        hang_up_as_requested(dao, &self.twilio, id, sid, HANG_UP_AFTER_DIAL).await;
        let ended = dao.get_call(stored.call_id).await.ok().flatten();
        ended.unwrap_or(stored)
    }
}
