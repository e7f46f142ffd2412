//! One call, from the queue to its end.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::form::{self, Form};
use super::outbox::Outbox;
use super::recorder::{PROCESSING, Tape};
use crate::clock::CallClock;
use crate::model::{Callback, Command, EndedBy, Request, Status};
use crate::numbers::{Callee, Outcome, callee};
use crate::sim::Sim;
use crate::twiml::Source;

const DIALLING: Duration = Duration::from_millis(300);
const BUSY_TONE: Duration = Duration::from_secs(1);

/// Plays one call.
#[derive(Debug)]
pub(super) struct Player {
    pub(super) sim: Arc<Sim>,
    pub(super) sid: String,
    pub(super) ordinal: u64,
    pub(super) request: Request,
    pub(super) callee: Callee,
    pub(super) clock: CallClock,
    /// How long it waits for its turn among the account's calls, which is theirs in the order in which they were placed.
    dial_slot: Duration,
    pub(super) tapes: Vec<Tape>,
    pub(super) documents: u32,
    /// How often the application was asked for instructions.
    pub(super) asked: u64,
    pub(super) status: Status,
    pub(super) sequence: u64,
    pub(super) answered: Option<Duration>,
    pub(super) orders: mpsc::UnboundedReceiver<Command>,
    pub(super) obeyed: Vec<oneshot::Sender<()>>,
    pub(super) outbox: mpsc::UnboundedSender<Callback>,
}

/// Why what was going on does not go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// The call ends.
    End(Ending),
    /// The REST API gave it other instructions.
    Redirect(Source),
}

/// How a call ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    status: Status,
    sip_response: u16,
    /// What ended it, if it was answered.
    by: Option<EndedBy>,
}

impl Ending {
    /// The end of a call that was answered.
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

/// The end of a call that was given up before it was answered.
pub(super) const CANCELED: Ending = Ending::unanswered(Status::Canceled, 487);
const BUSY: Ending = Ending::unanswered(Status::Busy, 486);
const NO_ANSWER: Ending = Ending::unanswered(Status::NoAnswer, 487);
const FAILED: Ending = Ending::unanswered(Status::Failed, 404);

impl Player {
    pub(super) fn new(
        sim: Arc<Sim>,
        sid: String,
        ordinal: u64,
        request: Request,
        created: DateTime<Utc>,
        orders: mpsc::UnboundedReceiver<Command>,
    ) -> Self {
        Self {
            outbox: Outbox::open(&sim, &sid, &request.to, ordinal),
            callee: callee(&request.to),
            clock: CallClock::starting(created),
            dial_slot: sim.take_dial_slot(),
            tapes: Vec::new(),
            documents: 0,
            asked: 0,
            status: Status::Queued,
            sequence: 0,
            answered: None,
            obeyed: Vec::new(),
            sim,
            sid,
            ordinal,
            request,
            orders,
        }
    }

    /// Plays the call to its end.
    pub(super) async fn play(mut self) {
        let ending = match self.dial().await {
            Ok(()) => self.talk().await,
            Err(Stop::End(ending)) => ending,
            Err(Stop::Redirect(_)) => Ending::completed(EndedBy::Instructions),
        };
        self.finish(ending).await;
    }

    async fn dial(&mut self) -> Result<(), Stop> {
        let queued = self.dial_slot + self.callee.queued;
        self.wait(queued).await?;
        self.enter(Status::Initiated, "initiated", Form::new());
        self.wait(DIALLING).await?;
        if self.callee.outcome == Outcome::Fails {
            return Err(Stop::End(FAILED));
        }
        self.enter(Status::Ringing, "ringing", Form::new());
        match self.callee.outcome {
            Outcome::Busy => {
                self.wait(BUSY_TONE).await?;
                Err(Stop::End(BUSY))
            }
            Outcome::Answers if self.callee.rings <= self.request.timeout => {
                self.wait(self.callee.rings).await?;
                self.answered = Some(self.clock.passed());
                self.enter(Status::InProgress, "answered", Form::new());
                Ok(())
            }
            _ => {
                self.wait(self.request.timeout).await?;
                Err(Stop::End(NO_ANSWER))
            }
        }
    }

    async fn talk(&mut self) -> Ending {
        if let Some(options) = self.request.recording.clone() {
            self.start_tape(options, "OutboundAPI");
        }
        let mut stop = self.greet().await.err();
        let mut source = self.request.source.clone();
        loop {
            match stop {
                Some(Stop::End(ending)) => return ending,
                Some(Stop::Redirect(other)) => source = other,
                None => {}
            }
            for done in self.obeyed.drain(..) {
                let _ = done.send(());
            }
            match self.follow(source.clone()).await {
                Ok(()) => return Ending::completed(EndedBy::Instructions),
                Err(other) => stop = Some(other),
            }
        }
    }

    /// What comes between the answer and the first instructions.
    async fn greet(&mut self) -> Result<(), Stop> {
        if let Some(digits) = self.request.send_digits.clone() {
            return self.send_digits(&digits).await;
        }
        let Some(detection) = self.request.detection.clone() else {
            return Ok(());
        };
        let word = self.callee.answered_by.word(detection.message_end);
        let time = self
            .callee
            .answered_by
            .detection_time(detection.message_end);
        if detection.in_background {
            self.detect_in_background(detection, word, time);
            return Ok(());
        }
        self.wait(time).await?;
        self.sim
            .store
            .call(&self.sid, |call| call.answered_by = Some(word.into()));
        self.sim
            .log
            .write("amd", Some(&self.sid), json!({ "answered_by": word }));
        Ok(())
    }

    async fn finish(mut self, ending: Ending) {
        let answered = self.answered.unwrap_or(self.clock.passed());
        let seconds = self.clock.since(answered).as_secs();
        let mut tapes = std::mem::take(&mut self.tapes);
        for tape in &mut tapes {
            self.stop_tape(tape, None);
        }
        let now = self.clock.now();
        let was_dialled = self.status != Status::Queued;
        self.sim.store.call(&self.sid, |call| {
            call.ended = Some(now);
            call.ended_by = ending.by;
            call.duration = Some(seconds);
        });
        if was_dialled {
            let mut extra = form::ending(seconds, ending.sip_response);
            if self.request.recording.is_some()
                && let Some(whole) = tapes.first()
            {
                extra.extend(self.recorded_form(&whole.sid));
            }
            self.enter(ending.status, "completed", extra);
        } else {
            self.set_status(ending.status);
        }
        for done in self.obeyed.drain(..) {
            let _ = done.send(());
        }
        if !tapes.is_empty() {
            tokio::time::sleep(self.sim.config.speed.wall(PROCESSING)).await;
            self.clock.advance(PROCESSING);
        }
        for tape in &tapes {
            self.process(tape);
        }
    }
}
