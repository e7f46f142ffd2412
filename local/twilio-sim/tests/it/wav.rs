//! The audio of recordings as WAV.

use std::io::Cursor;
use std::time::Duration;

use proptest::prelude::*;
use twilio_sim::wav::{Sound, Voice, Wav};

fn conversation(channels: u16) -> Wav {
    let second = Duration::from_secs;
    Wav {
        channels,
        seconds: 4,
        sounds: vec![
            Sound {
                voice: Voice::Application,
                at: second(0)..second(2),
                words: None,
                whole: Duration::ZERO,
            },
            Sound {
                voice: Voice::Callee,
                at: second(2)..second(3),
                words: None,
                whole: Duration::ZERO,
            },
        ],
    }
}

#[test]
fn wav_has_the_right_length_and_sound_during_speech() {
    let wav = conversation(1);
    let mut reader = hound::WavReader::new(Cursor::new(wav.bytes(0..u64::MAX))).unwrap();
    let spec = reader.spec();
    assert_eq!(
        (spec.channels, spec.sample_rate, spec.bits_per_sample),
        (1, 8_000, 16)
    );
    assert_eq!(reader.duration(), 4 * 8_000);
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let loudness = |second: usize| {
        samples[second * 8_000..(second + 1) * 8_000]
            .iter()
            .map(|s| s.unsigned_abs())
            .max()
    };
    assert!(loudness(0) > Some(1_000) && loudness(2) > Some(1_000));
    assert_eq!(loudness(3), Some(0));
}

#[test]
fn dual_recording_has_one_channel_for_each_side() {
    let mut reader =
        hound::WavReader::new(Cursor::new(conversation(2).bytes(0..u64::MAX))).unwrap();
    assert_eq!(reader.duration(), 4 * 8_000);
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let heard = |channel: usize, second: usize| {
        samples
            .chunks(2)
            .skip(second * 8_000)
            .take(8_000)
            .any(|frame| frame[channel] != 0)
    };
    assert_eq!((heard(0, 0), heard(1, 0)), (false, true));
    assert_eq!((heard(0, 2), heard(1, 2)), (true, false));
}

proptest! {
    #[test]
    fn any_byte_range_matches_the_whole_file(start in 0_u64..70_000, length in 0_u64..3_000, channels in 1_u16..=2) {
        let wav = Wav { seconds: 2, ..conversation(channels) };
        let whole = wav.bytes(0..u64::MAX);
        prop_assert_eq!(whole.len() as u64, wav.len());
        let index = |at: u64| usize::try_from(at.min(wav.len())).unwrap();
        prop_assert_eq!(wav.bytes(start..start + length), &whole[index(start)..index(start + length)]);
    }
}
