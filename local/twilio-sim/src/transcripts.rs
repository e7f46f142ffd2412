//! The Intelligence services and their transcripts, in the order of their creation.

use std::collections::{BTreeMap, HashMap};

use crate::model::{Service, Transcript};

/// The most transcripts to keep. Each further one removes the oldest.
const KEPT_TRANSCRIPTS: usize = 10_000;

/// The Intelligence services and their transcripts.
#[derive(Debug, Default)]
pub struct Transcripts {
    services: Vec<Service>,
    next: u64,
    kept: BTreeMap<u64, Transcript>,
    keys: HashMap<String, u64>,
}

impl Transcripts {
    /// Returns the service with this SID or unique name.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service> {
        let mut all = self.services.iter();
        all.find(|own| own.sid == name || own.name == name)
    }

    /// Returns all services, oldest first.
    #[must_use]
    pub fn services(&self) -> impl DoubleEndedIterator<Item = &Service> {
        self.services.iter()
    }

    /// Adds or replaces a service.
    pub fn put_service(&mut self, service: Service) {
        match self.services.iter_mut().find(|own| own.sid == service.sid) {
            Some(own) => *own = service,
            None => self.services.push(service),
        }
    }

    /// Returns the transcript with this SID.
    #[must_use]
    pub fn get(&self, sid: &str) -> Option<&Transcript> {
        self.kept.get(self.keys.get(sid)?)
    }

    /// Returns all transcripts, oldest first.
    #[must_use]
    pub fn oldest_first(&self) -> impl DoubleEndedIterator<Item = &Transcript> {
        self.kept.values()
    }

    /// Adds or replaces a transcript. Returns the SID of the transcript that had to go.
    pub fn put(&mut self, transcript: Transcript) -> Option<String> {
        if let Some(key) = self.keys.get(&transcript.sid) {
            self.kept.insert(*key, transcript);
            return None;
        }
        self.next += 1;
        self.keys.insert(transcript.sid.clone(), self.next);
        self.kept.insert(self.next, transcript);
        if self.kept.len() <= KEPT_TRANSCRIPTS {
            return None;
        }
        let (_, oldest) = self.kept.pop_first()?;
        self.keys.remove(&oldest.sid);
        Some(oldest.sid)
    }

    /// Deletes a transcript. Returns false if it didn't exist.
    pub fn delete(&mut self, sid: &str) -> bool {
        let key = self.keys.remove(sid);
        key.and_then(|key| self.kept.remove(&key)).is_some()
    }
}
