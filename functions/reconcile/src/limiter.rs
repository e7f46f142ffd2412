//! The limit of concurrent calls. Twilio limits the concurrent requests of an account, and answers 429 to more.

use std::{cell::Cell, time::Duration};

use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

/// The pause after the first 429. It doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The number of 429s in a row after which requests are still retried.
const REFUSALS_MAX: u32 = 4;
/// The number of responses that bring back one permit.
const RECOVERY: u32 = 64;

/// Grants permits in the order of the requests for them. A 429 halves their number; responses bring them back.
pub(crate) struct Limiter {
    permits: Semaphore,
    limit_max: usize,
    /// The number of permits, once the excess ones are returned.
    limit: Cell<usize>,
    /// The number of granted permits that end when they are returned.
    excess: Cell<usize>,
    paused_until: Cell<Instant>,
    refusals: Cell<u32>,
    responses: Cell<u32>,
}

/// The permit to work on one call.
pub(crate) struct Permit<'a> {
    limiter: &'a Limiter,
    permit: Option<SemaphorePermit<'a>>,
}

impl Limiter {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            permits: Semaphore::new(limit),
            limit_max: limit,
            limit: Cell::new(limit),
            excess: Cell::default(),
            paused_until: Cell::new(Instant::now()),
            refusals: Cell::default(),
            responses: Cell::default(),
        }
    }

    /// Waits for a permit.
    pub(crate) async fn acquire(&self) -> Permit<'_> {
        Permit {
            limiter: self,
            // The semaphore is never closed.
            permit: self.permits.acquire().await.ok(),
        }
    }

    /// Waits for the end of the pause after a 429.
    pub(crate) async fn wait_out_pause(&self) {
        sleep_until(self.paused_until.get()).await;
    }

    /// Records a response other than 429.
    pub(crate) fn responded(&self) {
        self.refusals.set(0);
        self.responses.set(self.responses.get() + 1);
        let is_due = self.responses.get().is_multiple_of(RECOVERY);
        if is_due && self.limit.get() < self.limit_max {
            self.limit.set(self.limit.get() + 1);
            match self.excess.get() {
                0 => self.permits.add_permits(1),
                excess => self.excess.set(excess - 1),
            }
        }
    }

    /// Records a 429 to a request that started at this time: pauses, and halves the permits. Returns whether the request may be
    /// sent again. Concurrent requests that get a 429 count once.
    pub(crate) fn too_many_requests(&self, started: Instant) -> bool {
        if started < self.paused_until.get() {
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
        self.paused_until.set(Instant::now() + pause);
        true
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let (Some(permit), excess @ 1..) = (self.permit.take(), self.limiter.excess.get()) {
            self.limiter.excess.set(excess - 1);
            permit.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the permits: takes all that are available, and returns them.
    async fn permits(limiter: &Limiter) -> usize {
        let mut taken = Vec::new();
        while limiter.permits.available_permits() > 0 {
            taken.push(limiter.acquire().await);
        }
        taken.len()
    }

    #[tokio::test]
    async fn concurrent_refusals_halve_the_permits_once() {
        let limiter = Limiter::new(8);
        let taken = limiter.acquire().await;
        let started = Instant::now();
        for _ in 0..3 {
            assert!(limiter.too_many_requests(started));
        }
        drop(taken);
        assert_eq!(permits(&limiter).await, 7, "excess permits end on return");
        assert_eq!(permits(&limiter).await, 4);
    }

    #[tokio::test]
    async fn responses_bring_permits_back_up_to_the_limit() {
        let limiter = Limiter::new(4);
        limiter.too_many_requests(Instant::now());
        permits(&limiter).await;
        assert_eq!(permits(&limiter).await, 2);
        for _ in 0..RECOVERY * 5 {
            limiter.responded();
        }
        assert_eq!(permits(&limiter).await, 4);
    }

    #[tokio::test]
    async fn fifth_refusal_in_a_row_is_not_followed_by_a_request() {
        let limiter = Limiter::new(4);
        let refusals = || {
            (0..9)
                .take_while(|_| limiter.too_many_requests(limiter.paused_until.get()))
                .count()
        };
        assert_eq!(refusals(), 4);
        limiter.responded();
        assert_eq!(refusals(), 4);
        permits(&limiter).await;
        assert_eq!(permits(&limiter).await, 1);
    }
}
