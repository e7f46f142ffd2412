//! The record of all requests to create a call, whatever the response was.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The most requests to keep; each further one removes the oldest.
pub const KEPT_DIALS: usize = 100_000;

/// A request to create a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dial {
    /// The position in the order of arrival, from 0.
    pub n: u64,
    /// When the request arrived, by the wall clock.
    pub at: DateTime<Utc>,
    /// When it arrived, in microseconds of a monotonic clock.
    pub steady_us: u64,
    /// The parameters that identify it.
    pub request: DialRequest,
    /// The HTTP status. `None` if no response was sent.
    pub status: Option<u16>,
    /// Twilio's error code.
    pub code: Option<u32>,
    /// The call that it created, also if the response was lost.
    pub call_sid: Option<String>,
}

/// The parameters that identify a request to create a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DialRequest {
    /// `To`, in E.164 format if it is a phone number.
    pub to: Option<String>,
    /// `From`, in E.164 format if it is a phone number.
    pub from: Option<String>,
    /// `call_id` in the query of `Url`.
    pub call_id: Option<String>,
}

/// The kept requests.
#[derive(Debug)]
pub struct Dials {
    next: u64,
    kept: BTreeMap<u64, Dial>,
    clock: SteadyClock,
}

impl Default for Dials {
    fn default() -> Self {
        Self {
            next: 0,
            kept: BTreeMap::new(),
            clock: SteadyClock::starting_after(0),
        }
    }
}

impl Dials {
    /// Records a request that has just arrived, and returns its number.
    pub fn begin(&mut self, request: DialRequest) -> u64 {
        let n = self.next;
        self.keep(Dial {
            n,
            at: Utc::now(),
            steady_us: self.clock.now(),
            request,
            status: None,
            code: None,
            call_sid: None,
        });
        n
    }

    /// Adds a record of an earlier run, or replaces it.
    pub fn restore(&mut self, dial: Dial) {
        self.clock = SteadyClock::starting_after(dial.steady_us.max(self.clock.origin));
        self.keep(dial);
    }

    fn keep(&mut self, dial: Dial) {
        self.next = self.next.max(dial.n + 1);
        self.kept.insert(dial.n, dial);
        if self.kept.len() > KEPT_DIALS {
            self.kept.pop_first();
        }
    }

    /// Returns a request by its number.
    #[must_use]
    pub fn get(&self, n: u64) -> Option<&Dial> {
        self.kept.get(&n)
    }

    /// Returns a request by its number, to change it.
    pub fn get_mut(&mut self, n: u64) -> Option<&mut Dial> {
        self.kept.get_mut(&n)
    }

    /// Returns the kept requests from number `since` on, oldest first.
    pub fn since(&self, since: u64) -> impl Iterator<Item = &Dial> {
        self.kept.range(since..).map(|(_, dial)| dial)
    }

    /// The number of requests so far, also those that are no longer kept.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.next
    }

    /// Returns the most requests within any window of this length, with the first request of the first such window.
    ///
    /// A window includes its start, but not its end.
    #[must_use]
    pub fn busiest(&self, since: u64, window: Duration) -> Option<(usize, &Dial)> {
        let length = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        let mut firsts = self.since(since).peekable();
        let (mut within, mut busiest) = (0, None);
        for dial in self.since(since) {
            within += 1;
            while let Some(first) = firsts.peek()
                && dial.steady_us.saturating_sub(first.steady_us) >= length
            {
                firsts.next();
                within -= 1;
            }
            let first = *firsts.peek()?;
            if busiest.is_none_or(|(most, _)| within > most) {
                busiest = Some((within, first));
            }
        }
        busiest
    }
}

/// A monotonic clock. It starts at the wall clock's time, in microseconds since 1970.
#[derive(Debug)]
struct SteadyClock {
    origin: u64,
    started: Instant,
}

impl SteadyClock {
    /// Starts a clock at the current time, but not before `earlier`.
    fn starting_after(earlier: u64) -> Self {
        let wall = u64::try_from(Utc::now().timestamp_micros()).unwrap_or_default();
        Self {
            origin: wall.max(earlier),
            started: Instant::now(),
        }
    }

    fn now(&self) -> u64 {
        let passed = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.origin.saturating_add(passed)
    }
}
