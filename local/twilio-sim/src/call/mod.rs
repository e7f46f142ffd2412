//! Playing calls: dialling, TwiML, recordings and callbacks.

mod active_recording;
mod document;
mod execute;
mod form;
mod lifecycle;
mod machine_detection;
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

use crate::model::{Call, CallRequest, Status, new_sid};
use crate::sim::Sim;
use crate::webhook::WebhookTarget;
use player::Player;
pub use resume::resume;

/// Creates a call, starts to play it, and returns its SID.
///
/// `creation` is the Events entry for the REST request.
pub fn place(
    sim: &Arc<Sim>,
    request: CallRequest,
    status_callback: Option<WebhookTarget>,
    creation: Value,
) -> String {
    let (commands, receiver) = mpsc::unbounded_channel();
    let sid = new_sid("CA");
    let now = Utc::now();
    let call = Call {
        sid: sid.clone(),
        request: request.clone(),
        status_callback,
        status: Status::Queued,
        created: now,
        updated: now,
        started: None,
        answered: None,
        ended: None,
        duration: None,
        answered_by: None,
        ended_by: None,
        spoken: Vec::new(),
        interrupted: Vec::new(),
        callbacks_sent: 0,
        callbacks_delivered: 0,
        unanswered: Vec::new(),
        events: vec![creation],
        commands,
    };
    let ordinal = sim.store.lock().add_call(call);
    sim.log.write(
        "call.status",
        Some(&sid),
        json!({ "status": "queued", "to": request.to, "from": request.from, "call": ordinal }),
    );
    let player = Player::new(
        Arc::clone(sim),
        sid.clone(),
        ordinal,
        request,
        now,
        receiver,
    );

    tokio::spawn(player.play());
    sid
}
