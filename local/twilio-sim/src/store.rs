//! The store of all calls, recordings, transcripts and dials, in the order of their creation.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::data_file::{self, Entry, Journal};
use crate::dials::{Dial, DialRequest, Dials};
use crate::model::{Call, Recording, Service, Transcript};
use crate::transcripts::Transcripts;

/// The most calls to keep. Each further call removes the oldest ended one and its recordings.
pub const KEPT_CALLS: usize = 10_000;

/// The calls and recordings that the REST API serves.
#[derive(Debug, Default)]
pub struct Store(Mutex<Tables>);

/// The tables behind [`Store::lock`].
#[derive(Debug, Default)]
pub struct Tables {
    next: u64,
    calls_made: u64,
    calls: BTreeMap<u64, Call>,
    call_keys: HashMap<String, u64>,
    recordings: BTreeMap<u64, Recording>,
    recording_keys: HashMap<String, u64>,
    dials: Dials,
    transcripts: Transcripts,
    journal: Option<Journal>,
}

impl Store {
    /// Loads the calls and recordings in the data file, and writes each later change to it.
    ///
    /// # Errors
    ///
    /// If the file can't be read or rewritten, or is not a data file.
    pub fn open(path: &Path, address: SocketAddr) -> io::Result<Self> {
        let mut tables = Tables::default();
        for entry in data_file::read(path)? {
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
                Entry::Dial(dial) => tables.dials.restore(*dial),
                Entry::Service(service) => tables.transcripts.put_service(*service),
                Entry::Transcript(transcript) => _ = tables.transcripts.put(*transcript),
                Entry::TranscriptDeleted(sid) => _ = tables.transcripts.delete(&sid),
                Entry::CallDeleted(sid) => tables.delete_call(&sid),
                Entry::RecordingDeleted(sid) => _ = tables.delete_recording(&sid),
            }
        }
        let calls = tables.calls.values().map(data_file::call);
        let recordings = tables.recordings.values().map(data_file::recording);
        let dials = tables.dials.since(0).map(data_file::dial);
        let entries = std::iter::once(data_file::address(address));
        let entries = entries.chain(calls).chain(recordings).chain(dials);
        let services = tables.transcripts.services().map(data_file::service);
        let transcripts = tables.transcripts.oldest_first();
        let transcripts = transcripts.map(data_file::transcript);
        let entries = entries.chain(services).chain(transcripts);
        let journal = Journal::create(path, entries)?;
        tables.journal = Some(journal);
        Ok(Self(Mutex::new(tables)))
    }

    /// Locks the tables. Never hold the lock across an await.
    pub fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies `change` to a call and returns its result, or `None` if the call doesn't exist.
    pub fn update_call<T>(&self, sid: &str, change: impl FnOnce(&mut Call) -> T) -> Option<T> {
        self.lock().call_mut(sid).map(change)
    }

    /// Applies `change` to a recording and returns its result, or `None` if the recording doesn't exist.
    pub fn update_recording<T>(
        &self,
        sid: &str,
        change: impl FnOnce(&mut Recording) -> T,
    ) -> Option<T> {
        self.lock().recording_mut(sid).map(change)
    }
}

impl Tables {
    /// Adds a call and returns its ordinal, counted from 1.
    pub fn add_call(&mut self, call: Call) -> u64 {
        self.next += 1;
        self.calls_made += 1;
        self.append(|| data_file::call(&call));
        self.call_keys.insert(call.sid.clone(), self.next);
        self.calls.insert(self.next, call);
        self.remove_oldest_ended();
        self.calls_made
    }

    /// Returns the call with this SID.
    #[must_use]
    pub fn call(&self, sid: &str) -> Option<&Call> {
        self.calls.get(self.call_keys.get(sid)?)
    }

    /// Returns the call with this SID, to change it.
    pub fn call_mut(&mut self, sid: &str) -> Option<&mut Call> {
        self.calls.get_mut(self.call_keys.get(sid)?)
    }

    /// Returns all calls, newest first.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().rev()
    }

    /// Deletes a call, but not its recordings.
    pub fn delete_call(&mut self, sid: &str) {
        if let Some(key) = self.call_keys.remove(sid) {
            self.calls.remove(&key);
            self.append(|| data_file::call_deleted(sid));
        }
    }

    /// Adds a recording.
    pub fn add_recording(&mut self, recording: Recording) {
        self.next += 1;
        self.append(|| data_file::recording(&recording));
        self.recording_keys.insert(recording.sid.clone(), self.next);
        self.recordings.insert(self.next, recording);
    }

    /// Returns the recording with this SID.
    #[must_use]
    pub fn recording(&self, sid: &str) -> Option<&Recording> {
        self.recordings.get(self.recording_keys.get(sid)?)
    }

    /// Returns the recording with this SID, to change it.
    pub fn recording_mut(&mut self, sid: &str) -> Option<&mut Recording> {
        self.recordings.get_mut(self.recording_keys.get(sid)?)
    }

    /// Returns all recordings, newest first.
    pub fn recordings(&self) -> impl Iterator<Item = &Recording> {
        self.recordings.values().rev()
    }

    /// Deletes a recording and its audio. Returns false if it didn't exist.
    pub fn delete_recording(&mut self, sid: &str) -> bool {
        let key = self.recording_keys.remove(sid);
        let was_there = key.and_then(|key| self.recordings.remove(&key)).is_some();
        if was_there {
            self.append(|| data_file::recording_deleted(sid));
        }
        was_there
    }

    /// Returns the Intelligence service with this SID or unique name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.transcripts.service(name)
    }

    /// Returns all Intelligence services, newest first.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.transcripts.services().rev()
    }

    /// Adds or replaces an Intelligence service.
    pub fn put_service(&mut self, service: Service) {
        self.append(|| data_file::service(&service));
        self.transcripts.put_service(service);
    }

    /// Returns the transcript with this SID.
    #[must_use]
    pub fn transcript(&self, sid: &str) -> Option<&Transcript> {
        self.transcripts.get(sid)
    }

    /// Returns all transcripts, newest first.
    pub fn transcripts(&self) -> impl Iterator<Item = &Transcript> {
        self.transcripts.oldest_first().rev()
    }

    /// Adds or replaces a transcript.
    pub fn put_transcript(&mut self, transcript: Transcript) {
        self.append(|| data_file::transcript(&transcript));
        if let Some(removed) = self.transcripts.put(transcript) {
            self.append(|| data_file::transcript_deleted(&removed));
        }
    }

    /// Deletes a transcript. Returns false if it didn't exist.
    pub fn delete_transcript(&mut self, sid: &str) -> bool {
        let was_there = self.transcripts.delete(sid);
        if was_there {
            self.append(|| data_file::transcript_deleted(sid));
        }
        was_there
    }

    /// Records a request to create a call that has just arrived, and returns its number.
    pub fn begin_dial(&mut self, request: DialRequest) -> u64 {
        let n = self.dials.begin(request);
        self.save_dial(n);
        n
    }

    /// Applies `change` to the record of a request to create a call, if it is still kept.
    pub fn update_dial(&mut self, n: u64, change: impl FnOnce(&mut Dial)) {
        if let Some(dial) = self.dials.get_mut(n) {
            change(dial);
            self.save_dial(n);
        }
    }

    /// Returns the requests to create calls.
    #[must_use]
    pub fn dials(&self) -> &Dials {
        &self.dials
    }

    /// Ends the calls and recordings that an earlier run left open. Returns their SIDs, oldest first.
    pub fn end_interrupted(&mut self) -> (Vec<String>, Vec<String>) {
        let calls = self.calls.values_mut();
        let calls = calls.filter_map(|call| call.end_interrupted().then(|| call.sid.clone()));
        let calls = calls.collect();
        let recordings = self.recordings.values_mut();
        let recordings = recordings
            .filter_map(|recording| recording.end_interrupted().then(|| recording.sid.clone()))
            .collect();
        (calls, recordings)
    }

    /// Writes the state of a call to the data file, if there is one.
    pub fn save_call(&mut self, sid: &str) {
        if self.journal.is_some()
            && let Some(entry) = self.call(sid).map(data_file::call)
        {
            self.append(|| entry);
        }
    }

    /// Writes the state of a recording to the data file, if there is one.
    pub fn save_recording(&mut self, sid: &str) {
        if self.journal.is_some()
            && let Some(entry) = self.recording(sid).map(data_file::recording)
        {
            self.append(|| entry);
        }
    }

    fn save_dial(&mut self, n: u64) {
        if let (Some(journal), Some(dial)) = (&mut self.journal, self.dials.get(n)) {
            journal.write(&data_file::dial(dial));
        }
    }

    fn append(&mut self, entry: impl FnOnce() -> Value) {
        if let Some(journal) = &mut self.journal {
            journal.write(&entry());
        }
    }

    fn remove_oldest_ended(&mut self) {
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
        self.append(|| data_file::call_deleted(&call.sid));
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
