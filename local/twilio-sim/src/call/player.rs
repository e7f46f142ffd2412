//! The state of a call in progress, and how calls end.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};

use super::active_recording::ActiveRecording;
use super::leg::Leg;
use super::machine_detection::Detection;
use super::outbox::Outbox;
use crate::callee::Callee;
use crate::clock::CallClock;
use crate::dial_queue::PlaceInQueue;
use crate::model::{CallRequest, Callback, Command, EndedBy, Status, TwimlSource, millis};
use crate::sim::Sim;
use crate::wav::Voice;

/// Plays one call. The other files of this folder add its methods.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) sim: Arc<Sim>,
    pub(super) sid: String,
    /// The ordinal of the call, from 1.
    pub(super) ordinal: u64,
    pub(super) request: CallRequest,
    pub(super) callee: Callee,
    pub(super) clock: CallClock,
    /// The place in the account's queue, if its dialling rate is limited. `None` once the call is dialled.
    pub(super) place_in_queue: Option<PlaceInQueue>,
    /// The link to the call that dialled this one, while it is a leg of that.
    pub(super) leg: Option<Leg>,
    pub(super) recordings: Vec<ActiveRecording>,
    /// The latest sound, and the age of the call at its end.
    pub(super) sounding: Option<(Voice, Duration)>,
    /// The number of Gathers for keys so far.
    pub(super) gathers: usize,
    /// The number of documents so far.
    pub(super) documents: u32,
    /// The number of requests for instructions so far.
    pub(super) voice_requests: u64,
    pub(super) status: Status,
    /// The `SequenceNumber` of the next status callback.
    pub(super) sequence: u64,
    /// The age of the call when it was answered.
    pub(super) answered: Option<Duration>,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    /// The acknowledgements to send when the current command has taken effect.
    pub(super) pending_acks: Vec<oneshot::Sender<()>>,
    pub(super) outbox: mpsc::UnboundedSender<Callback>,
    /// The number of callbacks about machine detection that the application has not answered yet.
    pub(super) amd_callbacks: watch::Sender<usize>,
    /// The machine detection in the background, until its result.
    pub(super) detection: Option<Detection>,
    /// The keys of the current Gather so far.
    pub(super) entered: String,
}

/// Why playing stops before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The call ends.
    End(Ending),
    /// The REST API gave the call other instructions.
    Redirect(TwimlSource),
}

/// How a call ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) status: Status,
    pub(super) sip_response: u16,
    /// The cause of the end of an answered call.
    pub(super) by: Option<EndedBy>,
}

impl Ending {
    /// The end of an answered call.
    pub(super) const fn completed(by: EndedBy) -> Self {
        Self {
            status: Status::Completed,
            sip_response: 200,
            by: Some(by),
        }
    }

    const fn unanswered(status: Status, sip_response: u16) -> Self {
        Self {
            status,
            sip_response,
            by: None,
        }
    }
}

/// The end of a call that was canceled before it was answered.
pub(super) const CANCELED: Ending = Ending::unanswered(Status::Canceled, 487);
/// The end of a call to a busy line.
pub(super) const BUSY: Ending = Ending::unanswered(Status::Busy, 486);
/// The end of a call that rang until its timeout.
pub(super) const NO_ANSWER: Ending = Ending::unanswered(Status::NoAnswer, 487);
/// The end of a call that the carrier couldn't place.
pub(super) const FAILED: Ending = Ending::unanswered(Status::Failed, 404);

impl Player {
    /// Creates the player of a new call and starts its outbox.
    pub(super) fn new(
        sim: Arc<Sim>,
        sid: String,
        ordinal: u64,
        request: CallRequest,
        callee: Callee,
        created: DateTime<Utc>,
        commands: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        let amd_callbacks = watch::Sender::default();
        Self {
            outbox: Outbox::open(&sim, &sid, &request.to, ordinal, amd_callbacks.clone()),
            amd_callbacks,
            detection: None,
            entered: String::new(),
            callee,
            clock: CallClock::starting(created),
            place_in_queue: None,
            leg: None,
            recordings: Vec::new(),
            sounding: None,
            gathers: 0,
            documents: 0,
            voice_requests: 0,
            status: Status::Queued,
            sequence: 0,
            answered: None,
            pending_acks: Vec::new(),
            sim,
            sid,
            ordinal,
            request,
            commands,
        }
    }

    /// Logs an entry about this call.
    pub(super) fn log(&self, kind: &str, detail: Value) {
        self.sim.log.write(kind, Some(&self.sid), detail);
    }

    /// Logs an entry with the call time.
    pub(super) fn log_timed(&self, kind: &str, mut detail: Value) {
        detail["call_time_ms"] = millis(self.clock.passed()).into();
        self.log(kind, detail);
    }

    /// Logs a TwiML verb as it begins.
    pub(super) fn log_verb(&self, verb: &str, mut detail: Value) {
        detail["verb"] = verb.into();
        self.log_timed("verb", detail);
    }

    /// Confirms to the REST API that its commands have taken effect.
    pub(super) fn acknowledge_commands(&mut self) {
        for done in self.pending_acks.drain(..) {
            // The request may have given up waiting.
            let _ = done.send(());
        }
    }
}
