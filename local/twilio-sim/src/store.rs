//! All calls and recordings, in the order in which they were made.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::data::{self, Entry, Journal};
use crate::model::{Call, Recording};

/// How many calls are kept; beyond that the oldest ended ones are forgotten together with their recordings.
pub const KEPT_CALLS: usize = 10_000;

/// The calls and recordings that the REST API serves.
#[derive(Debug, Default)]
pub struct Store(Mutex<Tables>);

/// What [`Store::lock`] gives access to.
#[derive(Debug, Default)]
pub struct Tables {
    next: u64,
    calls_made: u64,
    calls: BTreeMap<u64, Call>,
    call_keys: HashMap<String, u64>,
    recordings: BTreeMap<u64, Recording>,
    recording_keys: HashMap<String, u64>,
    journal: Option<Journal>,
}

impl Store {
    /// Takes over what an earlier run has left in the file, and keeps there what changes from now on.
    ///
    /// # Errors
    ///
    /// When the file can't be read or written, or isn't such a file.
    pub fn kept_in(path: &Path, address: SocketAddr) -> io::Result<Self> {
        let mut tables = Tables::default();
        for entry in data::read(path)? {
            match entry {
                Entry::Address(_) => {}
                Entry::Call(call) => match tables.call_mut(&call.sid) {
                    Some(known) => *known = *call,
                    None => _ = tables.add_call(*call),
                },
                Entry::Recording(recording) => match tables.recording_mut(&recording.sid) {
                    Some(known) => *known = *recording,
                    None => tables.add_recording(*recording),
                },
                Entry::CallDeleted(sid) => tables.delete_call(&sid),
                Entry::RecordingDeleted(sid) => _ = tables.delete_recording(&sid),
            }
        }
        let calls = tables.calls.values().map(data::call);
        let recordings = tables.recordings.values().map(data::recording);
        let entries = std::iter::once(data::address(address));
        let journal = Journal::create(path, entries.chain(calls).chain(recordings))?;
        tables.journal = Some(journal);
        Ok(Self(Mutex::new(tables)))
    }

    /// Exclusive access; never held across an await.
    pub fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies `change` to a call and returns its result, if the call is still known.
    pub fn call<T>(&self, sid: &str, change: impl FnOnce(&mut Call) -> T) -> Option<T> {
        self.lock().call_mut(sid).map(change)
    }

    /// Applies `change` to a recording, if it has not been deleted.
    pub fn recording<T>(&self, sid: &str, change: impl FnOnce(&mut Recording) -> T) -> Option<T> {
        self.lock().recording_mut(sid).map(change)
    }
}

impl Tables {
    /// Adds a call and says the how-manieth it is, from 1.
    pub fn add_call(&mut self, call: Call) -> u64 {
        self.next += 1;
        self.calls_made += 1;
        self.note(|| data::call(&call));
        self.call_keys.insert(call.sid.clone(), self.next);
        self.calls.insert(self.next, call);
        self.forget_the_oldest();
        self.calls_made
    }

    /// A call by its SID.
    #[must_use]
    pub fn call(&self, sid: &str) -> Option<&Call> {
        self.calls.get(self.call_keys.get(sid)?)
    }

    /// A call by its SID, to change it.
    pub fn call_mut(&mut self, sid: &str) -> Option<&mut Call> {
        self.calls.get_mut(self.call_keys.get(sid)?)
    }

    /// All calls, newest first.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().rev()
    }

    /// Deletes a call, and leaves its recordings.
    pub fn delete_call(&mut self, sid: &str) {
        if let Some(key) = self.call_keys.remove(sid) {
            self.calls.remove(&key);
            self.note(|| data::call_deleted(sid));
        }
    }

    /// Adds a recording.
    pub fn add_recording(&mut self, recording: Recording) {
        self.next += 1;
        self.note(|| data::recording(&recording));
        self.recording_keys.insert(recording.sid.clone(), self.next);
        self.recordings.insert(self.next, recording);
    }

    /// A recording by its SID.
    #[must_use]
    pub fn recording(&self, sid: &str) -> Option<&Recording> {
        self.recordings.get(self.recording_keys.get(sid)?)
    }

    /// A recording by its SID, to change it.
    pub fn recording_mut(&mut self, sid: &str) -> Option<&mut Recording> {
        self.recordings.get_mut(self.recording_keys.get(sid)?)
    }

    /// All recordings, newest first.
    pub fn recordings(&self) -> impl Iterator<Item = &Recording> {
        self.recordings.values().rev()
    }

    /// Deletes a recording and its audio; false if there was none.
    pub fn delete_recording(&mut self, sid: &str) -> bool {
        let key = self.recording_keys.remove(sid);
        let was_there = key.and_then(|key| self.recordings.remove(&key)).is_some();
        if was_there {
            self.note(|| data::recording_deleted(sid));
        }
        was_there
    }

    /// Ends the calls and recordings that nobody plays any more, and returns their SIDs, oldest first.
    pub fn break_off(&mut self) -> (Vec<String>, Vec<String>) {
        let calls = self.calls.values_mut();
        let calls = calls.filter_map(|call| call.break_off().then(|| call.sid.clone()));
        let calls = calls.collect();
        let recordings = self.recordings.values_mut();
        let recordings = recordings
            .filter_map(|recording| recording.break_off().then(|| recording.sid.clone()))
            .collect();
        (calls, recordings)
    }

    /// Keeps a call as it stands.
    pub fn save_call(&mut self, sid: &str) {
        if self.journal.is_some()
            && let Some(entry) = self.call(sid).map(data::call)
        {
            self.note(|| entry);
        }
    }

    /// Keeps a recording as it stands.
    pub fn save_recording(&mut self, sid: &str) {
        if self.journal.is_some()
            && let Some(entry) = self.recording(sid).map(data::recording)
        {
            self.note(|| entry);
        }
    }

    fn note(&mut self, entry: impl FnOnce() -> Value) {
        if let Some(journal) = &mut self.journal {
            journal.write(&entry());
        }
    }

    fn forget_the_oldest(&mut self) {
        if self.calls.len() <= KEPT_CALLS {
            return;
        }
        let oldest = self
            .calls
            .iter()
            .find(|(_, call)| call.status.has_ended())
            .map(|(key, _)| *key);
        let Some(call) = oldest.and_then(|key| self.calls.remove(&key)) else {
            return;
        };
        self.call_keys.remove(&call.sid);
        self.note(|| data::call_deleted(&call.sid));
        let recordings: Vec<String> = self
            .recordings
            .values()
            .filter(|r| r.call_sid == call.sid)
            .map(|r| r.sid.clone())
            .collect();
        for sid in recordings {
            self.delete_recording(&sid);
        }
    }
}
