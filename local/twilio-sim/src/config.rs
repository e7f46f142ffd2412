//! The simulator's settings and their defaults.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::clock::Speed;
use crate::faults::FaultPlan;
use crate::intelligence::Intelligence;
use crate::scripted::Scripted;

/// The default account SID.
pub const DEFAULT_ACCOUNT_SID: &str = "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// The default auth token.
pub const DEFAULT_AUTH_TOKEN: &str = "12345678901234567890abcdefabcdef";
/// The account's default number, which is a valid `From` with Twilio's test credentials.
pub const DEFAULT_NUMBER: &str = "+15005550006";

/// The simulator's settings.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub struct Config {
    /// The address to listen on. Port 0 picks a free port.
    pub listen: SocketAddr,
    /// The only account.
    pub account_sid: String,
    /// The account's auth token: its password for the REST API and the key that signs webhooks.
    pub auth_token: String,
    /// API keys: SID and secret.
    pub api_keys: Vec<(String, String)>,
    /// The account's own numbers, in E.164 format.
    pub numbers: Vec<String>,
    /// Verified numbers of other owners, in E.164 format.
    pub caller_ids: Vec<String>,
    /// Call from any valid number. Otherwise a number that the account doesn't have is refused with 21210.
    pub any_from: bool,
    /// The speed of calls.
    pub speed: Speed,
    /// The random seed for a fault plan without its own.
    pub seed: u64,
    /// The faults to inject.
    pub faults: FaultPlan,
    /// The behaviour of called parties by number.
    pub callees: Scripted,
    /// The services that transcribe recordings.
    pub intelligence: Intelligence,
    /// Print each log entry.
    pub verbose: bool,
    /// The most calls to dial in a second of call time; the others stay queued, for at most 24 hours. No limit by default.
    pub max_calls_per_second: Option<f64>,
    /// The most calls that have not ended; further ones are refused with 10004. No limit by default.
    pub max_concurrent_calls: Option<usize>,
    /// Request the action of a Dial also if the call that dialled ends first.
    pub dial_action_after_hangup: bool,
    /// Continue a call without audio that can't be played. Otherwise the fallback URL is requested.
    pub skip_failed_audio: bool,
    /// Refuse URLs that Twilio's servers couldn't reach.
    pub strict_urls: bool,
    /// Request the action of a Gather that an update cuts off, with the keys so far. Twilio does not document whether it does.
    pub report_cut_gathers: bool,
    /// The data file, which keeps calls and recordings for the next run.
    pub data: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            account_sid: DEFAULT_ACCOUNT_SID.to_owned(),
            auth_token: DEFAULT_AUTH_TOKEN.to_owned(),
            api_keys: Vec::new(),
            numbers: vec![DEFAULT_NUMBER.to_owned()],
            caller_ids: Vec::new(),
            any_from: false,
            speed: Speed::REAL_TIME,
            seed: 0,
            faults: FaultPlan::default(),
            callees: Scripted::default(),
            intelligence: Intelligence::default(),
            verbose: false,
            max_calls_per_second: None,
            max_concurrent_calls: None,
            dial_action_after_hangup: true,
            skip_failed_audio: false,
            strict_urls: false,
            report_cut_gathers: false,
            data: None,
        }
    }
}
