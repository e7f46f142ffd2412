//! Recordings while they are made.

use std::time::Duration;

use serde_json::json;

use super::outbox::new_token;
use super::player::Player;
use super::{form, form::Form};
use crate::faults::CallbackKind;
use crate::model::{Callback, Recording, RecordingOptions, new_sid};
use crate::wav::{Sound, Voice};

/// A recording that runs.
#[derive(Debug)]
pub(super) struct Tape {
    pub(super) sid: String,
    pub(super) options: RecordingOptions,
    began: Duration,
    sounds: Vec<Sound>,
}

/// How long a finished recording is being processed, in call time.
pub(super) const PROCESSING: Duration = Duration::from_secs(1);
const TOO_SHORT: u32 = 16101;
const SILENT: u32 = 16102;

impl Player {
    /// Starts a recording, and tells so where that was asked for.
    pub(super) fn start_tape(&mut self, options: RecordingOptions, source: &'static str) -> String {
        let now = self.clock.now();
        let recording = Recording {
            sid: new_sid("RE"),
            call_sid: self.sid.clone(),
            status: "in-progress".into(),
            created: now,
            updated: now,
            started: now,
            seconds: None,
            channels: options.channels,
            source: source.into(),
            track: options.track.clone(),
            error_code: None,
            sounds: Vec::new(),
        };
        let sid = recording.sid.clone();
        self.sim.store.lock().add_recording(recording);
        self.tell_recording(&sid, &options);
        self.tapes.push(Tape {
            sid: sid.clone(),
            options,
            began: self.clock.passed(),
            sounds: Vec::new(),
        });
        sid
    }

    /// Something is heard from now on, for `length`.
    pub(super) fn sound(&mut self, voice: Voice, length: Duration) {
        let clock = self.clock;
        for tape in &mut self.tapes {
            let at = clock.since(tape.began);
            tape.sounds.push(Sound {
                voice,
                at: at..at.saturating_add(length),
            });
        }
    }

    /// Stops a recording at `length`, or where the call stands. What it holds is known from now on.
    pub(super) fn stop_tape(&mut self, tape: &mut Tape, length: Option<Duration>) {
        let length = length.unwrap_or(self.clock.since(tape.began));
        let seconds = u32::try_from(length.as_secs()).unwrap_or(u32::MAX);
        let error_code = match seconds {
            0 => Some(TOO_SHORT),
            _ if self.callee.recording_absent => Some(SILENT),
            _ => None,
        };
        let now = self.clock.now();
        self.sim.store.recording(&tape.sid, |recording| {
            recording.status = "processing".into();
            recording.seconds = Some(seconds);
            recording.error_code = error_code;
            recording.updated = now;
            recording.sounds = std::mem::take(&mut tape.sounds);
        });
        self.sim.store.lock().save_recording(&tape.sid);
    }

    /// What a status callback or an action says about a recording that has one.
    pub(super) fn recorded_form(&self, sid: &str) -> Form {
        let tables = self.sim.store.lock();
        let recording = tables
            .recording(sid)
            .filter(|recording| recording.error_code.is_none());
        recording
            .map(|recording| form::recorded(&self.sim, recording))
            .unwrap_or_default()
    }

    /// A stopped recording has been processed: it is completed, or absent.
    pub(super) fn process(&mut self, tape: &Tape) {
        let now = self.clock.now();
        self.sim.store.recording(&tape.sid, |recording| {
            recording.process();
            recording.updated = now;
        });
        self.sim.store.lock().save_recording(&tape.sid);
        self.tell_recording(&tape.sid, &tape.options);
    }

    fn tell_recording(&self, sid: &str, options: &RecordingOptions) {
        let tables = self.sim.store.lock();
        let Some(recording) = tables.recording(sid) else {
            return;
        };
        let (status, form) = (
            recording.status.clone(),
            form::recording(&self.sim, recording),
        );
        let detail = json!({
            "recording_sid": sid,
            "status": status,
            "seconds": recording.seconds,
            "error_code": recording.error_code,
        });
        drop(tables);
        self.sim.log.write("recording", Some(&self.sid), detail);
        if let Some(hook) = &options.callback
            && options.events.iter().any(|event| *event == status)
        {
            let (event, hook) = (status.into_owned(), hook.clone());
            self.enqueue(Callback {
                kind: CallbackKind::Recording,
                event,
                hook,
                form,
                token: new_token(),
            });
        }
    }
}
