//! The state of one simulated Twilio, which all parts share.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::config::Config;
use crate::dial_queue::DialQueue;
use crate::faults::Faults;
use crate::log::Log;
use crate::model::sid_of;
use crate::store::Store;
use crate::webhook::{WebhookSender, WebhookTarget};

/// A number that the account may call from.
#[derive(Debug)]
pub struct PhoneNumber {
    /// `PN…`.
    pub sid: String,
    /// The number in E.164 format.
    pub number: String,
    webhooks: Mutex<NumberWebhooks>,
}

/// The account's settings for calls to one of its numbers.
#[derive(Clone, Debug, Default)]
pub struct NumberWebhooks {
    /// The instructions for a call.
    pub voice: Option<WebhookTarget>,
    /// Requested when these can't be fetched or read.
    pub voice_fallback: Option<WebhookTarget>,
    /// The callback at the end of a call.
    pub status: Option<WebhookTarget>,
}

impl PhoneNumber {
    /// The same numbers have the same SIDs in every run.
    fn all(numbers: &[String], account_sid: &str) -> Vec<Self> {
        let with_sid = |number: &String| Self {
            sid: sid_of("PN", &format!("{account_sid} {number}")),
            number: number.clone(),
            webhooks: Mutex::default(),
        };
        numbers.iter().map(with_sid).collect()
    }

    /// Locks the settings for calls to the number. Never hold the lock across an await.
    pub fn webhooks(&self) -> MutexGuard<'_, NumberWebhooks> {
        self.webhooks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of one simulated Twilio.
#[derive(Debug)]
pub struct Sim {
    /// The settings.
    pub config: Config,
    /// `http://host:port`, without a trailing slash.
    pub origin: String,
    /// When it started, which is the account's creation date.
    pub started: DateTime<Utc>,
    /// The account's own numbers.
    pub numbers: Vec<PhoneNumber>,
    /// Verified numbers of other owners.
    pub caller_ids: Vec<PhoneNumber>,
    /// Calls and recordings.
    pub store: Store,
    /// The log.
    pub log: Arc<Log>,
    /// The fault plan.
    pub faults: Faults,
    /// Sends webhooks to the application.
    pub webhooks: WebhookSender,
    /// The number of REST requests in progress.
    pub in_flight: AtomicUsize,
    /// The queue of calls to dial, if `max_calls_per_second` limits them.
    pub dial_queue: Option<Arc<DialQueue>>,
}

impl Sim {
    /// Creates the state of a simulator that listens on `address`, with the calls from its data file.
    ///
    /// # Errors
    ///
    /// If TLS can't be set up or the data file can't be read and rewritten.
    pub fn new(config: Config, address: SocketAddr) -> io::Result<Self> {
        let store = match &config.data {
            Some(path) => Store::open(path, address)?,
            None => Store::default(),
        };
        for service in &config.intelligence.services {
            store.lock().put_service(service.clone());
        }
        let rate = config.max_calls_per_second;
        let dial_queue = rate.map(|rate| Arc::new(DialQueue::new(rate, config.speed)));
        let log = Arc::new(Log::new(config.verbose));
        Ok(Self {
            origin: format!("http://{address}"),
            started: Utc::now(),
            numbers: PhoneNumber::all(&config.numbers, &config.account_sid),
            caller_ids: PhoneNumber::all(&config.caller_ids, &config.account_sid),
            store,
            faults: Faults::new(config.faults.clone(), config.seed),
            webhooks: WebhookSender::new(config.auth_token.clone(), Arc::clone(&log))
                .map_err(io::Error::other)?,
            log,
            in_flight: AtomicUsize::new(0),
            dial_queue,
            config,
        })
    }

    /// Returns the own or verified number, if the account has it.
    #[must_use]
    pub fn number(&self, number: &str) -> Option<&PhoneNumber> {
        let mut all = self.numbers.iter().chain(&self.caller_ids);
        all.find(|known| known.number == number)
    }

    /// Returns the path of a resource: `/2010-04-01/Accounts/AC…` followed by `rest`.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("/2010-04-01/Accounts/{}{rest}", self.config.account_sid)
    }

    /// Returns a recording's URL as callbacks report it: without an extension.
    #[must_use]
    pub fn recording_url(&self, sid: &str) -> String {
        format!(
            "{}{}",
            self.origin,
            self.path(&format!("/Recordings/{sid}"))
        )
    }
}
