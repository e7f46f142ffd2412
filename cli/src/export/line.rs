//! The lines of an export: stored documents as the API shows them.

use outdial::dao::admin::StoredDocument;
use outdial::dao::admin::export::Collection;
use outdial::domain::{Call, Recording, Transcript, User};
use outdial::http::{CallBody, RecordingBody, TranscriptBody, UserBody};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Returns the document's line, or `None` if the document can't be read.
pub fn of(collection: Collection, document: &StoredDocument) -> Option<String> {
    match collection {
        Collection::Users => body::<User, UserBody>(document),
        Collection::Calls => body::<Call, CallBody>(document),
        Collection::Recordings => body::<Recording, RecordingBody>(document),
        Collection::Transcripts => body::<Transcript, TranscriptBody>(document),
    }
}

fn body<T: DeserializeOwned, B: From<T> + Serialize>(document: &StoredDocument) -> Option<String> {
    serde_json::to_string(&B::from(document.read::<T>()?)).ok()
}

/// Returns the public id in a line that [`of`] made, or `None` if the line is not one of this collection.
pub fn id_in(collection: Collection, line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    // Each collection's lines have a field that the others lack.
    let (id, own_field) = match collection {
        Collection::Users => ("id", "email"),
        Collection::Calls => ("call_id", "call_id"),
        Collection::Recordings => ("id", "channels"),
        Collection::Transcripts => ("recording_id", "sentences"),
    };
    value.get(own_field)?;
    value[id].as_str().map(str::to_owned)
}
