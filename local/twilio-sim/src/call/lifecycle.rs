//! The course of a call, from the queue to its end.

use std::time::Duration;

use super::form::{self, Form};
use super::leg::LegEvent;
use super::player::{BUSY, Ending, FAILED, NO_ANSWER, Player, Stop};
use super::recorder::PROCESSING;
use crate::answerer::Answerer;
use crate::callee::Outcome;
use crate::model::{EndedBy, Machine, Origin, Status, millis, new_sid};

const DIALLING: Duration = Duration::from_millis(300);
/// The source of a recording of the whole call.
const WHOLE_CALL: &str = "OutboundAPI";
const BUSY_TONE: Duration = Duration::from_secs(1);

impl Player {
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
        if self.request.origin == Origin::Inbound {
            self.enter_status(Status::Ringing, "ringing", Form::new());
            return Ok(());
        }
        self.wait_for_turn().await?;
        self.wait(self.callee.queued).await?;
        self.enter_status(Status::Initiated, "initiated", Form::new());
        self.wait(DIALLING).await?;
        if self.callee.outcome == Outcome::Fails {
            return Err(Stop::End(FAILED));
        }
        self.enter_status(Status::Ringing, "ringing", Form::new());
        match self.callee.outcome {
            Outcome::Busy => {
                self.wait(BUSY_TONE).await?;
                Err(Stop::End(BUSY))
            }
            Outcome::Answers if self.callee.rings <= self.request.timeout => {
                self.wait(self.callee.rings).await?;
                self.pick_up();
                if self.callee.answerer == Answerer::Machine {
                    let machine = Machine::with(self.callee.greeting);
                    self.sim
                        .store
                        .update_call(&self.sid, |call| call.machine = Some(machine));
                }
                Ok(())
            }
            _ => {
                self.wait(self.request.timeout).await?;
                Err(Stop::End(NO_ANSWER))
            }
        }
    }

    /// Answers the call, if it is not answered yet.
    pub(super) fn pick_up(&mut self) {
        if self.answered.is_none() {
            self.answered = Some(self.clock.passed());
            self.enter_status(Status::InProgress, "answered", Form::new());
        }
    }

    async fn talk(&mut self) -> Ending {
        if let Some(options) = self.request.recording.clone() {
            self.start_recording(new_sid("RE"), options, WHOLE_CALL);
        }
        let mut stop = self.before_instructions().await.err();
        let mut source = self.request.source.clone();
        loop {
            match stop {
                Some(Stop::End(ending)) => return ending,
                Some(Stop::Redirect(other)) => {
                    source = other;
                    self.note_redirect();
                }
                None => {}
            }
            self.acknowledge_commands();
            match self.follow(source.clone()).await {
                Ok(true) if self.leg.is_some() => stop = Some(self.bridge().await),
                Ok(_) => return Ending::completed(EndedBy::Instructions),
                Err(other) => stop = Some(other),
            }
        }
    }

    fn note_redirect(&self) {
        let at = millis(self.clock.since(self.answered.unwrap_or_default()));
        self.sim
            .store
            .update_call(&self.sid, |call| call.redirected_ms.push(at));
    }

    /// Sends digits or detects machines, between the answer and the first instructions.
    async fn before_instructions(&mut self) -> Result<(), Stop> {
        if let Some(digits) = self.request.send_digits.clone() {
            return self.send_digits(&digits).await;
        }
        match self.request.detection.clone() {
            Some(detection) => self.detect_machine(detection).await,
            None => Ok(()),
        }
    }

    async fn finish(mut self, ending: Ending) {
        let answered = self.answered.unwrap_or(self.clock.passed());
        let seconds = self.clock.since(answered).as_secs();
        let mut recordings = std::mem::take(&mut self.recordings);
        for recording in &mut recordings {
            self.stop_recording(recording, None);
        }
        let now = self.clock.now();
        let was_dialled = self.status != Status::Queued;
        self.sim.store.update_call(&self.sid, |call| {
            call.ended = Some(now);
            call.ended_by = ending.by;
            call.duration = Some(seconds);
        });
        if was_dialled {
            let mut extra = form::ending(seconds, ending.sip_response);
            let of_whole_call = recordings.iter().find(|own| own.source == WHOLE_CALL);
            if let Some(of_whole_call) = of_whole_call {
                extra.extend(self.recorded_form(&of_whole_call.sid));
            }
            self.enter_status(ending.status, "completed", extra);
        } else {
            self.set_status(ending.status);
        }
        self.tell_other_leg(LegEvent::Ended {
            status: ending.status,
            seconds,
        });
        self.acknowledge_commands();
        if !recordings.is_empty() {
            tokio::time::sleep(self.sim.config.speed.wall(PROCESSING)).await;
            self.clock.advance(PROCESSING);
        }
        for recording in &recordings {
            self.finish_recording(recording);
        }
    }
}
