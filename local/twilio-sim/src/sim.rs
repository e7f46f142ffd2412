//! The parts that everything else works on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::clock::Speed;
use crate::faults::{FaultPlan, Faults};
use crate::log::Log;
use crate::model::new_sid;
use crate::store::Store;
use crate::webhook::Webhooks;

/// What the simulator is told when it starts.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The account that exists.
    pub account_sid: String,
    /// Its auth token: a password of the REST API, and the key that signs webhooks.
    pub auth_token: String,
    /// API keys: SID and secret.
    pub api_keys: Vec<(String, String)>,
    /// The numbers that the account owns, E.164.
    pub numbers: Vec<String>,
    /// Verified numbers of others, E.164.
    pub caller_ids: Vec<String>,
    /// How fast calls are played.
    pub speed: Speed,
    /// Chooses the course of a fault plan that has no seed.
    pub seed: u64,
    /// What goes wrong on purpose.
    pub faults: FaultPlan,
    /// Print what happens.
    pub verbose: bool,
    /// Dial no more than this many calls in a second of call time; the others stay queued.
    pub max_calls_per_second: Option<f64>,
    /// Refuse URLs that Twilio's servers couldn't reach.
    pub strict_urls: bool,
    /// Where calls and recordings are kept for the next run; nowhere by default.
    pub data: Option<PathBuf>,
}

/// The account SID where none is given.
pub const DEFAULT_ACCOUNT_SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The auth token where none is given.
pub const DEFAULT_AUTH_TOKEN: &str = "12345678901234567890abcdefabcdef";
/// The account's number where none is given: Twilio's own for tests.
pub const DEFAULT_NUMBER: &str = "+15005550006";

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            account_sid: DEFAULT_ACCOUNT_SID.to_owned(),
            auth_token: DEFAULT_AUTH_TOKEN.to_owned(),
            api_keys: Vec::new(),
            numbers: vec![DEFAULT_NUMBER.to_owned()],
            caller_ids: Vec::new(),
            speed: Speed::LIFE,
            seed: 0,
            faults: FaultPlan::default(),
            verbose: false,
            max_calls_per_second: None,
            strict_urls: false,
            data: None,
        }
    }
}

/// A number that the account may call from.
#[derive(Debug)]
pub struct Owned {
    /// `PN…`.
    pub sid: String,
    /// E.164.
    pub number: String,
}

impl Owned {
    fn all(numbers: &[String]) -> Vec<Self> {
        let owned = |number: &String| Self {
            sid: new_sid("PN"),
            number: number.clone(),
        };
        numbers.iter().map(owned).collect()
    }
}

/// The state of one simulated Twilio.
#[derive(Debug)]
pub struct Sim {
    /// As given.
    pub config: Config,
    /// `http://host:port`, without a slash.
    pub origin: String,
    /// When it started: the account's date.
    pub started: DateTime<Utc>,
    /// The numbers that the account owns.
    pub numbers: Vec<Owned>,
    /// Verified numbers of others.
    pub caller_ids: Vec<Owned>,
    /// Calls and recordings.
    pub store: Store,
    /// The journal.
    pub log: Arc<Log>,
    /// The fault plan.
    pub faults: Faults,
    /// The way to the application.
    pub webhooks: Webhooks,
    /// REST requests being answered now.
    pub in_flight: AtomicUsize,
    next_dial: Mutex<Option<Instant>>,
}

impl Sim {
    /// A Twilio that serves `address`, without calls but for those of an earlier run.
    ///
    /// # Errors
    ///
    /// Where TLS can't be set up, or the file of an earlier run not be taken over.
    pub fn new(config: Config, address: SocketAddr) -> io::Result<Self> {
        let store = match &config.data {
            Some(path) => Store::kept_in(path, address)?,
            None => Store::default(),
        };
        let log = Arc::new(Log::new(config.verbose));
        Ok(Self {
            origin: format!("http://{address}"),
            started: Utc::now(),
            numbers: Owned::all(&config.numbers),
            caller_ids: Owned::all(&config.caller_ids),
            store,
            faults: Faults::new(config.faults.clone(), config.seed),
            webhooks: Webhooks::new(config.auth_token.clone(), Arc::clone(&log))
                .map_err(io::Error::other)?,
            log,
            in_flight: AtomicUsize::new(0),
            next_dial: Mutex::default(),
            config,
        })
    }

    /// Takes the next place in the queue of calls to dial and says how long, in call time, it is until then.
    #[must_use]
    pub fn take_dial_slot(&self) -> Duration {
        let Some(rate) = self.config.max_calls_per_second else {
            return Duration::ZERO;
        };
        let now = Instant::now();
        let mut next = self
            .next_dial
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let slot = next.map_or(now, |next| next.max(now));
        *next = Some(slot + self.config.speed.wall(Duration::from_secs_f64(1.0 / rate)));
        self.config.speed.call(slot - now)
    }

    /// A resource's path: `/2010-04-01/Accounts/AC…` and what follows.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}{rest}", self.config.account_sid)
    }

    /// The URL under which a recording is known in callbacks: without an extension.
    #[must_use]
    pub fn recording_url(&self, sid: &str) -> String {
        format!(
            "{}{}",
            self.origin,
            self.path(&format!("/Recordings/{sid}"))
        )
    }
}
