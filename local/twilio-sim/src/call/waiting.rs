//! Letting call time pass, while applying commands from the REST API and watching the time limit.

use std::time::{Duration, Instant};

use super::player::{CANCELED, Ending, Player, Stop};
use crate::clock::Speed;
use crate::model::{Command, EndedBy, Status, Update};

impl Player {
    /// Sends keys. Each takes a quarter of a second; `w` waits half a second, `W` a whole one.
    pub(super) async fn send_digits(&mut self, digits: &str) -> Result<(), Stop> {
        let millis = digits.chars().map(|key| match key {
            'w' => 500,
            'W' => 1_000,
            _ => 250,
        });
        self.wait(Duration::from_millis(millis.sum())).await
    }

    /// Waits in call time, until a command or the end of the call stops it.
    ///
    /// While the application responds to a callback about machine detection, call time passes like wall time. So what the
    /// application does then comes as early in the call at any speed.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<(), Stop> {
        let end = self.clock.passed().saturating_add(time);
        let mut amd_callbacks = self.amd_callbacks.subscribe();
        while self.clock.passed() < end {
            self.report_verdict_if_due();
            let speed = match *amd_callbacks.borrow_and_update() {
                0 => self.sim.config.speed,
                _ => Speed::REAL_TIME,
            };
            let left = end.saturating_sub(self.clock.passed());
            let allowed = left.min(self.time_left()).min(self.until_verdict());
            let started = Instant::now();
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => {
                    let passed = speed.call(started.elapsed());
                    self.clock.advance(passed.min(allowed));
                    self.apply(command)?;
                }
                Ok(()) = amd_callbacks.changed() => {
                    let passed = speed.call(started.elapsed());
                    self.clock.advance(passed.min(allowed));
                }
                () = tokio::time::sleep(speed.wall(allowed)) => {
                    self.clock.advance(allowed);
                    self.check_time()?;
                }
            }
        }
        self.report_verdict_if_due();
        Ok(())
    }

    /// Waits for the call's turn under the account's dialling rate, until a command stops it.
    pub(super) async fn wait_for_turn(&mut self) -> Result<(), Stop> {
        // Stopping drops the place, so the call leaves the queue.
        let Some(place) = self.place_in_queue.take() else {
            return Ok(());
        };
        loop {
            let command = tokio::select! {
                biased;
                Some(command) = self.commands.recv() => Some(command),
                () = place.turn() => None,
            };
            let passed = self.sim.config.speed.call(place.entered().elapsed());
            self.clock
                .advance(passed.saturating_sub(self.clock.passed()));
            match command {
                Some(command) => self.apply(command)?,
                None => return Ok(()),
            }
        }
    }

    /// Waits for `work` in wall time, until a command or the end of the call stops it.
    pub(super) async fn wait_for<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let mut work = std::pin::pin!(work);
        loop {
            self.report_verdict_if_due();
            let left = self.time_left().min(self.until_verdict());
            let started = Instant::now();
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => {
                    self.clock.advance(started.elapsed());
                    self.apply(command)?;
                }
                result = &mut work => {
                    self.clock.advance(started.elapsed());
                    return self.check_time().map(|()| result);
                }
                () = tokio::time::sleep(left) => {
                    self.clock.advance(left);
                    self.check_time()?;
                }
            }
        }
    }

    /// Stops when the time limit is reached, the called party hangs up, or the other leg ends.
    pub(super) fn check_time(&self) -> Result<(), Stop> {
        match self.own_end() {
            Some((end, by)) if end <= self.clock.passed() => Err(self.ending(by)),
            _ => Ok(()),
        }
    }

    /// The end of the call, depending on whether it was answered.
    fn ending(&self, by: EndedBy) -> Stop {
        Stop::End(match self.answered {
            Some(_) => Ending::completed(by),
            None => CANCELED,
        })
    }

    /// The call time until the call ends by itself.
    pub(super) fn time_left(&self) -> Duration {
        self.own_end().map_or(Duration::MAX, |(end, _)| {
            end.saturating_sub(self.clock.passed())
        })
    }

    /// The age at which the call ends by itself, and the cause: the called party, the time limit, or the other leg.
    pub(super) fn own_end(&self) -> Option<(Duration, EndedBy)> {
        let hangs_up = self.callee.hangs_up_after.map(|it| (it, EndedBy::Callee));
        let own = hangs_up
            .into_iter()
            .chain([(self.request.time_limit, EndedBy::TimeLimit)]);
        let own = self.answered.into_iter().flat_map(|answered| {
            own.clone()
                .map(move |(after, by)| (answered.saturating_add(after), by))
        });
        let other = self
            .leg
            .as_ref()
            .map(|leg| (leg.other_ends_at, EndedBy::OtherLeg));
        own.chain(other).min_by_key(|(end, _)| *end)
    }

    pub(super) fn apply(&mut self, command: Command) -> Result<(), Stop> {
        let answered = self.status == Status::InProgress;
        let stop = match command.update {
            Update::Cancel if answered => None,
            Update::Complete if answered => Some(Stop::End(Ending::completed(EndedBy::Update))),
            Update::Cancel | Update::Complete => Some(Stop::End(CANCELED)),
            Update::Redirect(source) if answered => Some(Stop::Redirect(source)),
            Update::OtherLegEnded if self.leg.is_some() => Some(self.ending(EndedBy::OtherLeg)),
            Update::Redirect(_) | Update::OtherLegEnded => None,
            Update::TimeLimit(limit) => {
                self.request.time_limit = limit;
                None
            }
            Update::StartRecording { sid, options } => {
                if answered {
                    self.start_recording(sid, options, "StartCallRecordingAPI");
                }
                None
            }
            Update::ChangeRecording { sid, change } => {
                self.change_recording(&sid, change);
                None
            }
            Update::OtherLegEndsAt(age) => {
                if let Some(leg) = &mut self.leg {
                    leg.other_ends_at = age;
                }
                None
            }
        };
        match stop {
            None => {
                let _ = command.done.send(());
                Ok(())
            }
            Some(stop) => {
                self.pending_acks.push(command.done);
                Err(stop)
            }
        }
    }
}
