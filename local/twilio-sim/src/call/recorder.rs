//! Making recordings, and reporting them.

use std::time::Duration;

use serde_json::json;

use super::active_recording::ActiveRecording;
use super::form::{self, Form};
use super::outbox::new_token;
use super::playback::speaking_time;
use super::player::Player;
use crate::faults::CallbackKind;
use crate::model::{Callback, Recording, RecordingChange, RecordingOptions};
use crate::wav::Voice;

/// The processing time of a stopped recording, in call time.
pub(super) const PROCESSING: Duration = Duration::from_secs(1);
const TOO_SHORT: u32 = 16101;
const SILENT: u32 = 16102;

impl Player {
    /// Starts a recording, and sends its callback if requested.
    pub(super) fn start_recording(
        &mut self,
        sid: String,
        options: RecordingOptions,
        source: &'static str,
    ) {
        let now = self.clock.now();
        let recording = Recording {
            sid: sid.clone(),
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
        self.sim.store.lock().add_recording(recording);
        self.report_recording(&sid, &options);
        let now = self.clock.passed();
        let mut active = ActiveRecording::new(sid, options, source, now);
        if let Some((voice, end)) = self.sounding {
            active.hear(voice, now, end.saturating_sub(now));
        }
        for (after, words) in &self.callee.remarks {
            let at = self.answered.unwrap_or(now).saturating_add(*after);
            if at >= now {
                let length = speaking_time(words);
                active.remark(at, length, words);
            }
        }
        self.recordings.push(active);
    }

    /// Applies a change from the REST API to a recording, unless it has ended.
    pub(super) fn change_recording(&mut self, sid: &str, change: RecordingChange) {
        let now = self.clock.passed();
        let Some(index) = self.recordings.iter().position(|own| own.sid == sid) else {
            return;
        };
        let active = &mut self.recordings[index];
        let status = match change {
            RecordingChange::Pause { skip } => {
                active.pause(now, skip);
                "paused"
            }
            RecordingChange::Resume => {
                active.resume(now);
                if let Some((voice, end)) = self.sounding {
                    active.hear(voice, now, end.saturating_sub(now));
                }
                "in-progress"
            }
            RecordingChange::Stop => {
                let mut active = self.recordings.remove(index);
                self.stop_recording(&mut active, None);
                self.finish_recording(&active);
                return;
            }
        };
        let at = self.clock.now();
        self.sim.store.update_recording(sid, |stored| {
            stored.status = status.into();
            stored.updated = at;
        });
        self.sim.store.lock().save_recording(sid);
        let detail = json!({ "recording_sid": sid, "status": status });
        self.log("recording", detail);
    }

    /// Adds a sound of this length, from now on, to all recordings in progress.
    pub(super) fn sound(&mut self, voice: Voice, length: Duration) {
        self.speak(voice, length, None);
    }

    /// Like [`Player::sound`], with the words that are said and the time that all of them take.
    pub(super) fn speak(
        &mut self,
        voice: Voice,
        length: Duration,
        words: Option<(&str, Duration)>,
    ) {
        let now = self.clock.passed();
        for recording in &mut self.recordings {
            recording.hear_words(voice, now, length, words);
        }
        self.sounding = Some((voice, now.saturating_add(length)));
    }

    /// Stops a recording now, or cuts it to `length`, and stores its sounds.
    pub(super) fn stop_recording(
        &mut self,
        recording: &mut ActiveRecording,
        length: Option<Duration>,
    ) {
        let length = length.unwrap_or(recording.length(self.clock.passed()));
        let seconds = u32::try_from(length.as_secs()).unwrap_or(u32::MAX);
        let error_code = match seconds {
            0 => Some(TOO_SHORT),
            _ if self.callee.recording_absent => Some(SILENT),
            _ => None,
        };
        let now = self.clock.now();
        self.sim.store.update_recording(&recording.sid, |stored| {
            stored.status = "processing".into();
            stored.seconds = Some(seconds);
            stored.error_code = error_code;
            stored.updated = now;
            stored.sounds = std::mem::take(&mut recording.sounds);
            stored.sounds.sort_by_key(|sound| sound.at.start);
        });
        self.sim.store.lock().save_recording(&recording.sid);
    }

    /// Returns the parameters about a recording for a status callback or an action. Empty if it is absent.
    pub(super) fn recorded_form(&self, sid: &str) -> Form {
        let tables = self.sim.store.lock();
        let recording = tables
            .recording(sid)
            .filter(|recording| recording.error_code.is_none());
        recording
            .map(|recording| form::recorded(&self.sim, recording))
            .unwrap_or_default()
    }

    /// Ends the processing of a stopped recording: it becomes completed or absent.
    pub(super) fn finish_recording(&mut self, recording: &ActiveRecording) {
        let now = self.clock.now();
        self.sim.store.update_recording(&recording.sid, |stored| {
            stored.finish();
            stored.updated = now;
        });
        self.sim.store.lock().save_recording(&recording.sid);
        self.report_recording(&recording.sid, &recording.options);
    }

    fn report_recording(&self, sid: &str, options: &RecordingOptions) {
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
        self.log("recording", detail);
        if let Some(target) = &options.callback
            && options.events.iter().any(|event| *event == status)
        {
            self.enqueue(Callback {
                kind: CallbackKind::Recording,
                event: status.into_owned(),
                target: target.clone(),
                form,
                token: new_token(),
            });
        }
    }
}
