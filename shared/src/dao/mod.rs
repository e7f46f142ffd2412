//! Data access: MongoDB. One method of [`Dao`] per question, and one atomic operation per change.
//!
//! Every call has a time limit, and writes wait for a majority. No error shows a document, a URI or a credential. Nothing here
//! knows HTTP.

pub mod admin;
mod batches;
mod blocked;
mod callee;
mod callers;
mod calls;
mod cancel;
mod client;
mod cursor;
mod daily_caps;
mod dial_pipeline;
mod dial_queue;
mod dialing;
mod dispatcher;
mod effects;
mod error;
mod handshakes;
pub mod indexes;
mod next_attempt;
mod page;
mod permits;
mod place_call;
mod reconcile;
mod record_dial;
mod recording_callbacks;
mod recording_pipeline;
mod recordings;
mod refusals;
mod result_counts;
mod stats;
mod status;
mod status_pipeline;
mod steps;
mod stored;
mod transcripts;
mod transfers;
mod updates;
mod users;
mod verdict;
mod voice;
mod words;

pub use batches::{
    ADDING, Adding, BatchChange, BatchCounts, OpenBatches, RecipientResult, Reservation,
    ResultPage, RunningBatch,
};
pub use callee::Callee;
pub use cancel::{Cancellation, Wish};
pub use client::{CALL_TIMEOUT, Dao, with_deadline, within};
pub use cursor::{CallFilter, Cursor, List};
pub use daily_caps::{CapCheck, DailyCaps, Permit, number_counter, user_counter};
pub use dial_queue::{
    BatchState, Claim, DueCall, LaneHead, Look, LookRequest, QueuedCallee, ReadCall,
};
pub use dialing::DialingSwitch;
pub use dispatcher::{Dispatcher, Stop};
pub use effects::CallsWithEffects;
pub use error::{Cause, DaoError, DuplicateKey};
pub use next_attempt::Released;
pub use page::{Page, PageRequest, Position};
pub use permits::Reserved;
pub use reconcile::{OpenCalls, ReconcileKind, ScanPosition};
pub use result_counts::ResultCounts;
pub use stats::CallStats;
pub use status::{Applied, StatusOutcome};
pub use steps::StepEvent;
pub use stored::ERASED_AT;
pub use users::UserDeletion;
pub use verdict::VerdictOutcome;
pub use voice::VoiceLookup;
pub use words::{EndedWords, EndedWordsPage};

use stored::{
    BATCHES, BLOCKED_NUMBERS, CALLS, COUNTERS, RECORDINGS, TRANSCRIPTS, USERS, insert_once,
};
