//! The audio of a recording: a WAV file, computed on request instead of kept in memory.
//!
//! 8 kHz, 16-bit PCM, mono or dual. Speech is a warbling tone, higher for the application than for the called party.
//! Everything else is silence.

use std::f64::consts::TAU;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Samples per second in each channel.
pub const SAMPLE_RATE: u32 = 8_000;
const HEADER: u64 = 44;
const SAMPLE_BYTES: u64 = 2;

/// The source of a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Voice {
    /// Twilio, playing the application's instructions.
    Application,
    /// The called party.
    Callee,
}

/// A sound in a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sound {
    /// The source of a sound.
    pub voice: Voice,
    /// Its start and end, from the start of the recording.
    pub at: Range<Duration>,
    /// The words, if it is speech.
    #[serde(default)]
    pub words: Option<String>,
    /// The time that all the words take, of which the end may be cut off.
    #[serde(default)]
    pub whole: Duration,
}

/// A recording's audio.
#[derive(Clone, Debug)]
pub struct Wav {
    /// 1 or 2.
    pub channels: u16,
    /// The length in whole seconds.
    pub seconds: u32,
    /// The sounds, sorted by start. In a dual recording, the called party has the first channel and the application the second.
    pub sounds: Vec<Sound>,
}

impl Wav {
    /// The size of the file in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        HEADER + self.data_len()
    }

    /// Returns true if the file has only a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seconds == 0
    }

    /// Returns the bytes of the file in `range`, up to the end of the file.
    #[must_use]
    pub fn bytes(&self, range: Range<u64>) -> Vec<u8> {
        let (start, end) = (range.start, range.end.min(self.len()));
        if start >= end {
            return Vec::new();
        }
        let mut bytes = if start < HEADER {
            self.header().split_off(offset(start))
        } else {
            Vec::new()
        };
        let first = start.saturating_sub(HEADER) / SAMPLE_BYTES;
        let last = end.saturating_sub(HEADER).div_ceil(SAMPLE_BYTES);
        let channels = u64::from(self.channels);
        let samples =
            (first..last).flat_map(|at| self.sample(at / channels, at % channels).to_le_bytes());
        // A range can begin and end in the middle of a sample.
        bytes.extend(samples.skip(offset(start.saturating_sub(HEADER) % SAMPLE_BYTES)));
        bytes.truncate(offset(end - start));
        bytes
    }

    fn data_len(&self) -> u64 {
        u64::from(self.seconds) * u64::from(SAMPLE_RATE) * u64::from(self.channels) * SAMPLE_BYTES
    }

    fn header(&self) -> Vec<u8> {
        let block = self.channels * 2;
        let data = u32::try_from(self.data_len()).unwrap_or(u32::MAX - 36);
        let mut header = Vec::with_capacity(44);
        header.extend(b"RIFF");
        header.extend((data + 36).to_le_bytes());
        header.extend(b"WAVEfmt ");
        header.extend(16_u32.to_le_bytes());
        header.extend(1_u16.to_le_bytes());
        header.extend(self.channels.to_le_bytes());
        header.extend(SAMPLE_RATE.to_le_bytes());
        header.extend((SAMPLE_RATE * u32::from(block)).to_le_bytes());
        header.extend(block.to_le_bytes());
        header.extend(16_u16.to_le_bytes());
        header.extend(b"data");
        header.extend(data.to_le_bytes());
        header
    }

    fn sample(&self, frame: u64, channel: u64) -> i16 {
        let at = Duration::from_micros(frame * 1_000_000 / u64::from(SAMPLE_RATE));
        let begun = self.sounds.partition_point(|sound| sound.at.start <= at);
        let heard = |sound: &&Sound| {
            let own_channel = u64::from(sound.voice == Voice::Application);
            sound.at.contains(&at) && (self.channels == 1 || channel == own_channel)
        };
        // At most two sounds overlap, one from each side.
        self.sounds[..begun]
            .iter()
            .rev()
            .take(2)
            .find(heard)
            .map_or(0, |sound| tone(sound.voice, at))
    }
}

fn tone(voice: Voice, at: Duration) -> i16 {
    let pitch = match voice {
        Voice::Application => 440.0,
        Voice::Callee => 220.0,
    };
    let at = at.as_secs_f64();
    let loudness = 6_000.0 * (0.6 + 0.4 * (TAU * 4.0 * at).sin());
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the loudest sample is 6,000"
    )]
    let sample = (loudness * (TAU * pitch * at).sin()) as i16;
    sample
}

fn offset(small: u64) -> usize {
    usize::try_from(small).unwrap_or(usize::MAX)
}
