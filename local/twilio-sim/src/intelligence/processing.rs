//! Making transcripts: they wait, are in progress, and end; then the service's webhook hears of them.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::json;

use super::{sentences, webhook};
use crate::callee;
use crate::model::{Recording, Transcript};
use crate::sim::Sim;

/// The time in the queue, and the time in progress, in call time.
const STEP: Duration = Duration::from_secs(2);

/// Starts to make a stored transcript.
pub fn start(sim: &Arc<Sim>, sid: String) {
    tokio::spawn(make(Arc::clone(sim), sid));
}

/// Goes on with the transcripts that an earlier run left open.
pub fn resume(sim: &Arc<Sim>) {
    let tables = sim.store.lock();
    let open = tables.transcripts().filter(|own| !own.has_ended());
    let open: Vec<String> = open.map(|own| own.sid.clone()).collect();
    drop(tables);
    for sid in open {
        start(sim, sid);
    }
}

async fn make(sim: Arc<Sim>, sid: String) {
    tokio::time::sleep(sim.config.speed.wall(STEP)).await;
    if !change(&sim, &sid, |transcript, _| {
        transcript.status = "in-progress".into();
    }) {
        return;
    }
    tokio::time::sleep(sim.config.speed.wall(STEP)).await;
    let callee_channel = sim.config.intelligence.callee_channel;
    let is_there = change(&sim, &sid, |transcript, recording| {
        let recording = recording.filter(|own| own.status == "completed");
        let Some(recording) = recording else {
            transcript.status = "failed".into();
            return;
        };
        transcript.status = "completed".into();
        transcript.seconds = recording.seconds;
        transcript.sentences = sentences::of(recording, callee_channel);
    });
    if is_there {
        webhook::report(&sim, &sid).await;
    }
}

/// Changes a transcript, which gets its recording too. Returns false if it was deleted.
fn change(sim: &Sim, sid: &str, apply: impl FnOnce(&mut Transcript, Option<&Recording>)) -> bool {
    let mut tables = sim.store.lock();
    let Some(mut transcript) = tables.transcript(sid).cloned() else {
        return false;
    };
    let recording = tables.recording(&transcript.source_sid);
    let call = recording.and_then(|own| tables.call(&own.call_sid));
    let fails = call.is_some_and(|call| callee::transcripts_fail(&call.request.to));
    let call_sid = call.map(|call| call.sid.clone());
    apply(&mut transcript, recording.filter(|_| !fails));
    transcript.updated = Utc::now();
    let (status, count) = (transcript.status.clone(), transcript.sentences.len());
    tables.put_transcript(transcript);
    drop(tables);
    let detail = json!({ "transcript_sid": sid, "status": status, "sentences": count });
    sim.log.write("transcript", call_sid.as_deref(), detail);
    true
}
