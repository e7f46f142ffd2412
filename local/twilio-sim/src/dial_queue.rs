//! The queue of an account with a limited dialling rate. Calls are dialled in the order of creation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::clock::Speed;

/// The most call time in the queue. Twilio refuses further calls with 22005.
const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// The queue of the calls that wait for their turn to be dialled.
#[derive(Debug)]
pub struct DialQueue {
    /// The wall time between two calls.
    interval: Duration,
    /// The wall time of [`LONGEST_WAIT`].
    longest_wait: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    next_number: u64,
    /// When the next call may be dialled.
    next_turn: Instant,
    waiting: BTreeMap<u64, Arc<Notify>>,
}

/// A call's place in the queue. Dropping it leaves the queue, so later calls move up.
#[derive(Debug)]
pub struct PlaceInQueue {
    queue: Arc<DialQueue>,
    number: u64,
    entered: Instant,
    /// Notified when this place becomes the first.
    moved_up: Arc<Notify>,
    expected_wait: Duration,
}

impl DialQueue {
    /// Creates an empty queue for `rate` calls per second of call time.
    #[must_use]
    pub fn new(rate: f64, speed: Speed) -> Self {
        // With this interval or any longer one, the queue refuses the second call.
        let most = LONGEST_WAIT * 2;
        let interval = Duration::try_from_secs_f64(1.0 / rate).map_or(most, |time| time.min(most));
        Self {
            interval: speed.wall(interval),
            longest_wait: speed.wall(LONGEST_WAIT),
            state: Mutex::new(State {
                next_number: 0,
                next_turn: Instant::now(),
                waiting: BTreeMap::new(),
            }),
        }
    }

    /// Joins the queue at its end. Returns `None` if the wait would be longer than 24 hours of call time.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<PlaceInQueue> {
        let entered = Instant::now();
        let mut state = self.lock();
        let ahead = u32::try_from(state.waiting.len()).unwrap_or(u32::MAX);
        let expected_wait = state
            .next_turn
            .saturating_duration_since(entered)
            .saturating_add(self.interval.saturating_mul(ahead));
        if expected_wait > self.longest_wait {
            return None;
        }
        let (number, moved_up) = (state.next_number, Arc::new(Notify::new()));
        state.next_number += 1;
        state.waiting.insert(number, Arc::clone(&moved_up));
        drop(state);
        Some(PlaceInQueue {
            queue: Arc::clone(self),
            number,
            entered,
            moved_up,
            expected_wait,
        })
    }

    /// Takes the turn of this place, or returns the wait until the next attempt: `None` means until it becomes the first.
    fn take_turn(&self, place: &PlaceInQueue) -> Result<(), Option<Duration>> {
        let mut state = self.lock();
        if state.waiting.keys().next() != Some(&place.number) {
            return Err(None);
        }
        let now = Instant::now();
        if state.next_turn > now {
            return Err(Some(state.next_turn - now));
        }
        // A timer that fires late must not slow the queue down.
        state.next_turn = state.next_turn.max(place.entered) + self.interval;
        state.leave(place.number);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn leave(&mut self, number: u64) {
        self.waiting.remove(&number);
        if let Some(first) = self.waiting.values().next() {
            first.notify_one();
        }
    }
}

impl PlaceInQueue {
    /// Waits until the call may be dialled.
    pub async fn turn(&self) {
        while let Err(wait) = self.queue.take_turn(self) {
            match wait {
                None => self.moved_up.notified().await,
                Some(wait) => tokio::time::sleep(wait).await,
            }
        }
    }

    /// When the call entered the queue.
    #[must_use]
    pub fn entered(&self) -> Instant {
        self.entered
    }

    /// The wait that was expected when the call entered the queue, in wall time.
    #[must_use]
    pub fn expected_wait(&self) -> Duration {
        self.expected_wait
    }
}

impl Drop for PlaceInQueue {
    fn drop(&mut self) {
        self.queue.lock().leave(self.number);
    }
}
