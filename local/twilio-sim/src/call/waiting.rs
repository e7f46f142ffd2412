//! Letting a call's time pass, and obeying what the REST API asks meanwhile.

use std::time::{Duration, Instant};

use super::player::{CANCELED, Ending, Player, Stop};
use crate::model::{Command, EndedBy, Order, Status};

impl Player {
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
                    self.check_time()?;
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
                    return self.check_time().map(|()| result);
                }
                () = tokio::time::sleep(left) => {
                    self.clock.advance(left);
                    self.check_time()?;
                }
            }
        }
    }

    /// The end, once the time limit is reached or the called party hangs up.
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
            Order::Complete if answered => Some(Stop::End(Ending::completed(EndedBy::Update))),
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
