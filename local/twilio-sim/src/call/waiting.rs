//! Letting call time pass, while applying commands from the REST API and watching the time limit.

use std::time::{Duration, Instant};

use super::player::{CANCELED, Ending, Player, Stop};
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
    pub(super) async fn wait(&mut self, time: Duration) -> Result<(), Stop> {
        let end = self.clock.passed().saturating_add(time);
        while self.clock.passed() < end {
            let left = end.saturating_sub(self.clock.passed());
            let allowed = left.min(self.time_left());
            let started = Instant::now();
            tokio::select! {
                biased;
                Some(command) = self.commands.recv() => {
                    let passed = self.sim.config.speed.call(started.elapsed());
                    self.clock.advance(passed.min(allowed));
                    self.apply(command)?;
                }
                () = tokio::time::sleep(self.sim.config.speed.wall(allowed)) => {
                    self.clock.advance(allowed);
                    self.check_time()?;
                }
            }
        }
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
            let (started, left) = (Instant::now(), self.time_left());
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

    /// Stops when the time limit is reached or the called party hangs up.
    fn check_time(&self) -> Result<(), Stop> {
        if !self.time_left().is_zero() {
            return Ok(());
        }
        let hangs_up = self.callee.hangs_up_after;
        let by = if hangs_up.is_some_and(|after| after <= self.request.time_limit) {
            EndedBy::Callee
        } else {
            EndedBy::TimeLimit
        };
        Err(Stop::End(Ending::completed(by)))
    }

    /// The call time until the time limit or until the called party hangs up.
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

    fn apply(&mut self, command: Command) -> Result<(), Stop> {
        let answered = self.status == Status::InProgress;
        let stop = match command.update {
            Update::Cancel if answered => None,
            Update::Complete if answered => Some(Stop::End(Ending::completed(EndedBy::Update))),
            Update::Cancel | Update::Complete => Some(Stop::End(CANCELED)),
            Update::Redirect(source) if answered => Some(Stop::Redirect(source)),
            Update::Redirect(_) => None,
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
