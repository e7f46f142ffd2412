//! Playing calls: dialling, TwiML, recordings and callbacks.

mod active_recording;
mod audio;
mod connect;
mod document;
mod execute;
mod form;
mod gather;
mod inbound;
mod leg;
mod lifecycle;
mod machine_detection;
mod notify;
mod outbox;
mod playback;
mod player;
mod recorder;
mod resume;
mod status_callbacks;
mod waiting;

use std::sync::Arc;

use chrono::Utc;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::callee::callee;
use crate::dial_queue::PlaceInQueue;
use crate::model::{Call, CallRequest};
use crate::sim::Sim;
use crate::webhook::WebhookTarget;
pub use inbound::receive;
pub use notify::warn;
use player::Player;
pub use resume::resume;

/// Why Twilio doesn't accept a valid call now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlaceError {
    /// Too many calls have not ended.
    ConcurrencyLimit,
    /// The queue has 24 hours of calls.
    QueueFull,
}

/// Creates a call, starts to play it, and returns its SID.
///
/// `creation` is the Events entry for the REST request.
///
/// # Errors
///
/// If a limit of the account is reached.
pub fn place(
    sim: &Arc<Sim>,
    request: CallRequest,
    status_callback: Option<WebhookTarget>,
    creation: Value,
) -> Result<String, PlaceError> {
    let (commands, receiver) = mpsc::unbounded_channel();
    let now = Utc::now();
    let mut call = Call::new(
        request.clone(),
        status_callback,
        Some(creation),
        now,
        commands,
    );
    let sid = call.sid.clone();
    let mut tables = sim.store.lock();
    let is_open = |call: &&Call| !call.status.has_ended();
    if let Some(most) = sim.config.max_concurrent_calls
        && tables.calls().filter(is_open).count() >= most
    {
        return Err(PlaceError::ConcurrencyLimit);
    }
    let place_in_queue = match &sim.dial_queue {
        Some(queue) => Some(queue.enter().ok_or(PlaceError::QueueFull)?),
        None => None,
    };
    let is_to_same = |call: &&Call| call.request.to == request.to;
    let callee = callee(&request.to, || tables.calls().filter(is_to_same).count());
    let callee = sim.config.callees.apply(&request.to, callee);
    let expected_wait = place_in_queue.as_ref().map(PlaceInQueue::expected_wait);
    let expected_wait = sim.config.speed.call(expected_wait.unwrap_or_default());
    call.set_queue_time(expected_wait + callee.queued);
    let ordinal = tables.add_call(call);
    drop(tables);
    sim.log.write(
        "call.status",
        Some(&sid),
        json!({ "status": "queued", "to": request.to, "from": request.from, "call": ordinal }),
    );
    let mut player = Player::new(
        Arc::clone(sim),
        sid.clone(),
        ordinal,
        request,
        callee,
        now,
        receiver,
    );
    player.place_in_queue = place_in_queue;
    tokio::spawn(player.play());
    Ok(sid)
}
