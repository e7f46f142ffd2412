//! Calls to the account's numbers.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::player::Player;
use crate::callee::callee;
use crate::model::{Call, CallRequest, Origin, TwimlSource};
use crate::presses::Presses;
use crate::sim::Sim;

/// The longest duration of a call.
const TIME_LIMIT: Duration = Duration::from_hours(4);

/// A person who calls a number of the account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundCall {
    /// The caller's number as Twilio reports it: usually in E.164 format, or `anonymous`.
    from: String,
    /// The called number; by default, the first number of the account.
    #[serde(default)]
    to: Option<String>,
    /// The keys at each Gather; by default, those that the number presses when it is called.
    #[serde(default)]
    presses: Option<Presses>,
    /// Seconds from the answer to the hang-up.
    #[serde(default)]
    hangs_up_after_seconds: Option<u32>,
}

/// Starts to play a call to the account's number, and returns its SID.
///
/// # Errors
///
/// If the account has no such number, or the number has no voice URL.
pub fn receive(sim: &Arc<Sim>, inbound: InboundCall) -> Result<String, String> {
    let InboundCall {
        from,
        to,
        presses,
        hangs_up_after_seconds,
    } = inbound;
    let mut own = sim.numbers.iter();
    let number = match &to {
        Some(to) => own.find(|own| own.number == *to),
        None => own.next(),
    };
    let number = number.ok_or("to must be a number of the account")?;
    let webhooks = number.webhooks().clone();
    let voice = webhooks.voice.ok_or("the number has no VoiceUrl")?;
    let mut caller = sim.config.callees.apply(&from, callee(&from, || 0));
    caller.presses = presses.unwrap_or(caller.presses);
    let hangs_up = hangs_up_after_seconds.map(|seconds| Duration::from_secs(seconds.into()));
    caller.hangs_up_after = hangs_up.or(caller.hangs_up_after);
    let request = CallRequest {
        origin: Origin::Inbound,
        to: number.number.clone(),
        from,
        source: TwimlSource::Url(voice),
        fallback: webhooks.voice_fallback,
        status_events: vec!["completed".to_owned()],
        recording: None,
        timeout: Duration::ZERO,
        time_limit: TIME_LIMIT,
        send_digits: None,
        detection: None,
    };
    let (commands, receiver) = mpsc::unbounded_channel();
    let now = Utc::now();
    let call = Call::new(request.clone(), webhooks.status, None, now, commands);
    let sid = call.sid.clone();
    let ordinal = sim.store.lock().add_call(call);
    sim.log.write(
        "call.status",
        Some(&sid),
        json!({ "status": "queued", "to": request.to, "from": request.from, "call": ordinal }),
    );
    let sim = Arc::clone(sim);
    let player = Player::new(sim, sid.clone(), ordinal, request, caller, now, receiver);
    tokio::spawn(player.play());
    Ok(sid)
}
