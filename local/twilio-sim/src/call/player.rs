//! One call, from the queue to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::form::{self, Form};
use super::outbox::{Callback, Outbox};
use super::recorder::{PROCESSING, Tape};
use crate::clock::CallClock;
use crate::faults::CallbackKind;
use crate::model::{Command, Detection, Hook, Order, Request, Status};
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
    pub(super) tapes: Vec<Tape>,
    pub(super) documents: u32,
    status: Status,
    sequence: u64,
    answered: Option<Duration>,
    orders: mpsc::UnboundedReceiver<Command>,
    obeyed: Vec<oneshot::Sender<()>>,
    outbox: mpsc::UnboundedSender<Callback>,
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
}

/// The usual end of a call that was answered.
pub(super) const HUNG_UP: Ending = Ending {
    status: Status::Completed,
    sip_response: 200,
};
const CANCELED: Ending = Ending {
    status: Status::Canceled,
    sip_response: 487,
};
const BUSY: Ending = Ending {
    status: Status::Busy,
    sip_response: 486,
};
const NO_ANSWER: Ending = Ending {
    status: Status::NoAnswer,
    sip_response: 487,
};
const FAILED: Ending = Ending {
    status: Status::Failed,
    sip_response: 404,
};

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
            tapes: Vec::new(),
            documents: 0,
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
            Err(Stop::Redirect(_)) => HUNG_UP,
        };
        self.finish(ending).await;
    }

    async fn dial(&mut self) -> Result<(), Stop> {
        let queued = self.sim.take_dial_slot() + self.callee.queued;
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
                Ok(()) => return HUNG_UP,
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
            .call(&self.sid, |call| call.answered_by = Some(word));
        self.sim
            .log
            .write("amd", Some(&self.sid), json!({ "answered_by": word }));
        Ok(())
    }

    fn detect_in_background(&self, detection: Detection, word: &'static str, time: Duration) {
        let (sim, sid, outbox) = (Arc::clone(&self.sim), self.sid.clone(), self.outbox.clone());
        tokio::spawn(async move {
            tokio::time::sleep(sim.config.speed.wall(time)).await;
            let live = sim.store.call(&sid, |call| {
                let live = !call.status.has_ended();
                call.answered_by = live.then_some(word);
                live
            });
            if live != Some(true) {
                return;
            }
            sim.log.write(
                "amd",
                Some(&sid),
                json!({ "answered_by": word, "in_background": true }),
            );
            let form = form::pairs([
                ("AccountSid", sim.config.account_sid.as_str()),
                ("CallSid", &sid),
                ("AnsweredBy", word),
                ("MachineDetectionDuration", &time.as_millis().to_string()),
            ]);
            if let Some(hook) = detection.callback {
                let _ = outbox.send(Callback {
                    kind: CallbackKind::Amd,
                    event: word.to_owned(),
                    hook,
                    form,
                });
            }
        });
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

    /// Enters a status and tells the application, if it asked for that event.
    fn enter(&mut self, status: Status, event: &str, extra: Form) {
        self.set_status(status);
        let hook = self
            .sim
            .store
            .call(&self.sid, |call| call.status_callback.clone())
            .flatten();
        if let Some(hook) = hook
            && self
                .request
                .status_events
                .iter()
                .any(|wanted| wanted == event)
        {
            let mut form = self.form();
            form.extend(form::progress(self.clock.now(), self.sequence));
            form.extend(extra);
            self.sequence += 1;
            self.enqueue(Callback {
                kind: CallbackKind::Status,
                event: status.word().to_owned(),
                hook,
                form,
            });
        }
    }

    fn set_status(&mut self, status: Status) {
        self.status = status;
        let now = self.clock.now();
        self.sim.store.call(&self.sid, |call| {
            call.status = status;
            call.updated = now;
            match status {
                Status::Initiated => call.started = Some(now),
                Status::InProgress => call.answered = Some(now),
                _ => {}
            }
        });
        let detail = json!({ "status": status.word(), "call_time_ms": u64::try_from(self.clock.passed().as_millis()).ok() });
        self.sim.log.write("call.status", Some(&self.sid), detail);
    }

    /// What every request about this call tells now.
    pub(super) fn form(&self) -> Form {
        let mut form = form::call(
            &self.sim,
            &self.sid,
            &self.request.to,
            &self.request.from,
            self.status.word(),
        );
        if let Some(word) = self
            .sim
            .store
            .call(&self.sid, |call| call.answered_by)
            .flatten()
        {
            form.extend(form::pairs([("AnsweredBy", word)]));
        }
        form
    }

    /// Hands a callback over for delivery.
    pub(super) fn enqueue(&self, callback: Callback) {
        // The outbox lives as long as the player.
        let _ = self.outbox.send(callback);
    }

    /// Sends keys: a quarter of a second each, `w` half a second, `W` a whole one.
    pub(super) async fn send_digits(&mut self, digits: &str) -> Result<(), Stop> {
        let millis = digits.chars().map(|key| match key {
            'w' => 500,
            'W' => 1_000,
            _ => 250,
        });
        self.wait(Duration::from_millis(millis.sum())).await
    }

    /// Lets call time pass, unless the call ends or is told otherwise.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<(), Stop> {
        let end = self.clock.passed().saturating_add(time);
        while self.clock.passed() < end {
            let left = end.saturating_sub(self.clock.passed());
            let allowed = left.min(self.time_left());
            let started = Instant::now();
            tokio::select! {
                biased;
                Some(command) = self.orders.recv() => {
                    let passed = self.sim.config.speed.call(started.elapsed());
                    self.clock.advance(passed.min(allowed));
                    self.obey(command)?;
                }
                () = tokio::time::sleep(self.sim.config.speed.wall(allowed)) => {
                    self.clock.advance(allowed);
                    if self.time_left().is_zero() {
                        return Err(Stop::End(HUNG_UP));
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits for something that takes its own time, unless the call ends or is told otherwise.
    pub(super) async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let mut work = std::pin::pin!(work);
        loop {
            let (started, left) = (Instant::now(), self.time_left());
            tokio::select! {
                biased;
                Some(command) = self.orders.recv() => {
                    self.clock.advance(started.elapsed());
                    self.obey(command)?;
                }
                result = &mut work => {
                    self.clock.advance(started.elapsed());
                    return if self.time_left().is_zero() { Err(Stop::End(HUNG_UP)) } else { Ok(result) };
                }
                () = tokio::time::sleep(left) => {
                    self.clock.advance(left);
                    return Err(Stop::End(HUNG_UP));
                }
            }
        }
    }

    /// Until the time limit, or until the called party hangs up.
    fn time_left(&self) -> Duration {
        let Some(answered) = self.answered else {
            return Duration::MAX;
        };
        let longest = self
            .callee
            .hangs_up_after
            .map_or(self.request.time_limit, |d| d.min(self.request.time_limit));
        answered
            .saturating_add(longest)
            .saturating_sub(self.clock.passed())
    }

    fn obey(&mut self, command: Command) -> Result<(), Stop> {
        let answered = self.status == Status::InProgress;
        let stop = match command.order {
            Order::Cancel if answered => None,
            Order::Complete if answered => Some(Stop::End(HUNG_UP)),
            Order::Cancel | Order::Complete => Some(Stop::End(CANCELED)),
            Order::Redirect(source) if answered => Some(Stop::Redirect(source)),
            Order::Redirect(_) => None,
            Order::Limit(limit) => {
                self.request.time_limit = limit;
                None
            }
        };
        match stop {
            None => {
                let _ = command.done.send(());
                Ok(())
            }
            Some(stop) => {
                self.obeyed.push(command.done);
                Err(stop)
            }
        }
    }
}

/// A hook that is asked as a document says.
pub(super) fn hook(url: String, get: bool) -> Hook {
    Hook { url, get }
}
