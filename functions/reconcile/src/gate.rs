//! How many calls are worked on at once. Twilio limits the requests under way of an account, and answers 429 to more.

use std::{cell::Cell, time::Duration};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

/// The first pause after a 429; it doubles with each more.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// So many times in a row Twilio may say 429.
const REFUSALS_MAX: u32 = 4;
/// After so many answers there is one place more again.
const RECOVERY: u32 = 64;

/// Lets as many in as there are places, in the order in which they come.
pub(crate) struct Gate {
    places: Semaphore,
    places_max: usize,
    /// How many places there are, once those in excess have come back.
    limit: Cell<usize>,
    excess: Cell<usize>,
    quiet_until: Cell<Instant>,
    refusals: Cell<u32>,
    answers: Cell<u32>,
}

/// A place of one who was let in.
pub(crate) struct Entered<'a> {
    gate: &'a Gate,
    permit: Option<SemaphorePermit<'a>>,
}

impl Gate {
    pub fn new(places: usize) -> Self {
        Self {
            places: Semaphore::new(places),
            places_max: places,
            limit: Cell::new(places),
            excess: Cell::default(),
            quiet_until: Cell::new(Instant::now()),
            refusals: Cell::default(),
            answers: Cell::default(),
        }
    }

    /// Waits for a place.
    pub async fn enter(&self) -> Entered<'_> {
        Entered {
            gate: self,
            // Nobody closes it.
            permit: self.places.acquire().await.ok(),
        }
    }

    /// Waits until Twilio may be asked.
    pub async fn quiet(&self) {
        sleep_until(self.quiet_until.get()).await;
    }

    /// Notes an answer of Twilio's.
    pub fn answered(&self) {
        self.refusals.set(0);
        self.answers.set(self.answers.get() + 1);
        let is_due = self.answers.get().is_multiple_of(RECOVERY);
        if is_due && self.limit.get() < self.places_max {
            self.limit.set(self.limit.get() + 1);
            match self.excess.get() {
                0 => self.places.add_permits(1),
                excess => self.excess.set(excess - 1),
            }
        }
    }

    /// Notes a 429 to a request that was begun then: a pause, and half of the places. Returns whether Twilio may be asked
    /// again. Requests that were under way together count once.
    pub fn refused(&self, begun: Instant) -> bool {
        if begun < self.quiet_until.get() {
            return true;
        }
        let refusals = self.refusals.get() + 1;
        self.refusals.set(refusals);
        if refusals > REFUSALS_MAX {
            return false;
        }
        let fewer = self.limit.get() / 2;
        self.limit.set(self.limit.get() - fewer);
        self.excess.set(self.excess.get() + fewer);
        let pause = FIRST_PAUSE * 2_u32.pow(refusals - 1);
        self.quiet_until.set(Instant::now() + pause);
        true
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let (Some(permit), excess @ 1..) = (self.permit.take(), self.gate.excess.get()) {
            self.gate.excess.set(excess - 1);
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets in as many as there are places for, and lets them go.
    async fn places(gate: &Gate) -> usize {
        let mut inside = Vec::new();
        while gate.places.available_permits() > 0 {
            inside.push(gate.enter().await);
        }
        inside.len()
    }

    #[tokio::test]
    async fn requests_that_were_refused_together_halve_the_places_once() {
        let gate = Gate::new(8);
        let inside = gate.enter().await;
        let begun = Instant::now();
        for _ in 0..3 {
            assert!(gate.refused(begun));
        }
        drop(inside);
        assert_eq!(places(&gate).await, 7, "those inside give their places up");
        assert_eq!(places(&gate).await, 4);
    }

    #[tokio::test]
    async fn answers_bring_places_back_and_no_more_than_there_were() {
        let gate = Gate::new(4);
        gate.refused(Instant::now());
        places(&gate).await;
        assert_eq!(places(&gate).await, 2);
        for _ in 0..RECOVERY * 5 {
            gate.answered();
        }
        assert_eq!(places(&gate).await, 4);
    }

    #[tokio::test]
    async fn one_that_is_refused_again_and_again_asks_no_more() {
        let gate = Gate::new(4);
        let refusals = || {
            (0..9)
                .take_while(|_| gate.refused(gate.quiet_until.get()))
                .count()
        };
        assert_eq!(refusals(), 4);
        gate.answered();
        assert_eq!(refusals(), 4);
        places(&gate).await;
        assert_eq!(places(&gate).await, 1);
    }
}
