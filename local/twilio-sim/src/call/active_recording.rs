//! A recording in progress, before its sounds are in the store.

use std::time::Duration;

use crate::model::RecordingOptions;
use crate::wav::{Sound, Voice};

/// A recording in progress.
#[derive(Debug)]
pub(super) struct ActiveRecording {
    pub(super) sid: String,
    pub(super) options: RecordingOptions,
    pub(super) source: &'static str,
    /// The age of the call when recording began.
    began: Duration,
    pause: Option<Pause>,
    /// The time of the pauses that are not part of the audio.
    skipped: Duration,
    pub(super) sounds: Vec<Sound>,
}

#[derive(Clone, Copy, Debug)]
struct Pause {
    /// The age of the call when the pause began.
    since: Duration,
    /// Leave the pause out, instead of recording silence.
    skip: bool,
}

impl ActiveRecording {
    /// Starts a recording when the call has the age `began`.
    pub(super) fn new(
        sid: String,
        options: RecordingOptions,
        source: &'static str,
        began: Duration,
    ) -> Self {
        Self {
            sid,
            options,
            source,
            began,
            pause: None,
            skipped: Duration::ZERO,
            sounds: Vec::new(),
        }
    }

    /// The recorded time when the call has the age `now`.
    pub(super) fn length(&self, now: Duration) -> Duration {
        let until = match self.pause {
            Some(pause) if pause.skip => pause.since,
            _ => now,
        };
        until.saturating_sub(self.began + self.skipped)
    }

    /// Adds a sound of this length that begins `now`. A paused recording doesn't hear it.
    pub(super) fn hear(&mut self, voice: Voice, now: Duration, length: Duration) {
        self.hear_words(voice, now, length, None);
    }

    /// Like [`ActiveRecording::hear`], with the words that are said and the time that all of them take.
    pub(super) fn hear_words(
        &mut self,
        voice: Voice,
        now: Duration,
        length: Duration,
        words: Option<(&str, Duration)>,
    ) {
        if self.pause.is_none() {
            let at = self.length(now);
            let at = at..at.saturating_add(length);
            self.sounds.push(Sound {
                voice,
                at,
                words: words.map(|(words, _)| words.to_owned()),
                whole: words.map(|(_, whole)| whole).unwrap_or_default(),
            });
        }
    }

    /// Adds words of the called party that begin when the call has the age `at`, later than now.
    pub(super) fn remark(&mut self, at: Duration, length: Duration, words: &str) {
        let at = at.saturating_sub(self.began);
        self.sounds.push(Sound {
            voice: Voice::Callee,
            at: at..at.saturating_add(length),
            words: Some(words.to_owned()),
            whole: length,
        });
    }

    /// Pauses, and cuts the current sounds off. With `skip`, the pause isn't part of the audio.
    pub(super) fn pause(&mut self, now: Duration, skip: bool) {
        if self.pause.is_some() {
            return;
        }
        let length = self.length(now);
        for sound in &mut self.sounds {
            sound.at.end = sound.at.end.min(length);
        }
        self.pause = Some(Pause { since: now, skip });
    }

    /// Ends a pause.
    pub(super) fn resume(&mut self, now: Duration) {
        if let Some(pause) = self.pause.take()
            && pause.skip
        {
            self.skipped += now.saturating_sub(pause.since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn recording() -> ActiveRecording {
        let options = RecordingOptions {
            channels: 1,
            track: "both".to_owned(),
            callback: None,
            events: Vec::new(),
        };
        ActiveRecording::new("RE1".to_owned(), options, "StartCallRecordingAPI", SECOND)
    }

    fn heard(recording: &ActiveRecording) -> Vec<(u64, u64)> {
        let range = |sound: &Sound| (sound.at.start.as_secs(), sound.at.end.as_secs());
        recording.sounds.iter().map(range).collect()
    }

    #[test]
    fn silent_pause_is_part_of_the_recording() {
        let mut recording = recording();
        recording.hear(Voice::Application, SECOND, 4 * SECOND);
        recording.pause(3 * SECOND, false);
        recording.hear(Voice::Callee, 4 * SECOND, SECOND);
        recording.resume(6 * SECOND);
        recording.hear(Voice::Callee, 7 * SECOND, SECOND);
        assert_eq!(heard(&recording), [(0, 2), (6, 7)]);
        assert_eq!(recording.length(9 * SECOND), 8 * SECOND);
    }

    #[test]
    fn skipped_pause_is_not_part_of_the_recording() {
        let mut recording = recording();
        recording.pause(3 * SECOND, true);
        assert_eq!(recording.length(5 * SECOND), 2 * SECOND);
        recording.pause(4 * SECOND, false);
        recording.resume(6 * SECOND);
        recording.resume(7 * SECOND);
        recording.hear(Voice::Callee, 7 * SECOND, SECOND);
        assert_eq!(heard(&recording), [(3, 4)]);
        assert_eq!(recording.length(9 * SECOND), 5 * SECOND);
    }
}
