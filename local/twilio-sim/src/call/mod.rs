//! A call's life: dialled, answered, spoken, recorded, ended, told.

mod document;
mod execute;
mod form;
mod outbox;
mod player;
mod recorder;
mod resume;
mod speak;
mod telling;
mod waiting;

use std::sync::Arc;

use chrono::Utc;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::model::{Call, Hook, Request, Status, new_sid};
use crate::sim::Sim;
use player::Player;
pub use resume::resume;

/// Accepts a call and starts to play it. Returns its SID.
///
/// `asked` is the REST request as the Events resource tells it.
pub fn place(
    sim: &Arc<Sim>,
    request: Request,
    status_callback: Option<Hook>,
    asked: Value,
) -> String {
    let (commands, orders) = mpsc::unbounded_channel();
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
        events: vec![asked],
        commands,
    };
    let ordinal = sim.store.lock().add_call(call);
    sim.log.write(
        "call.status",
        Some(&sid),
        json!({ "status": "queued", "to": request.to, "from": request.from, "call": ordinal }),
    );
    let player = Player::new(Arc::clone(sim), sid.clone(), ordinal, request, now, orders);
    tokio::spawn(player.play());
    sid
}
