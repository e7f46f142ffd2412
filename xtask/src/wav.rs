//! The duration of a WAV file.

use std::time::Duration;

/// The duration of the audio, or `None` if this is not a complete WAV file.
pub fn duration(file: &[u8]) -> Option<Duration> {
    if file.get(..4)? != b"RIFF" || file.get(8..12)? != b"WAVE" {
        return None;
    }
    let mut rest = file.get(12..)?;
    let mut bytes_per_second = None;
    loop {
        let (name, size) = (rest.get(..4)?, number(rest, 4)?);
        let body = rest.get(8..)?;
        let size = usize::try_from(size).ok()?;
        let chunk = body.get(..size)?;
        match name {
            b"fmt " => bytes_per_second = number(chunk, 8),
            b"data" => {
                let rate = bytes_per_second.filter(|rate| *rate > 0)?;
                return Duration::from_secs(size as u64).checked_div(rate);
            }
            _ => {}
        }
        // Chunks start at even offsets.
        rest = body.get(size + size % 2..)?;
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::duration;

    fn wav(bytes_per_second: u32, data: usize) -> Vec<u8> {
        let mut file =
            b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0\0\0\0\0".to_vec();
        file.extend(bytes_per_second.to_le_bytes());
        file.extend([0; 4]);
        file.extend(b"data");
        file.extend(u32::try_from(data).expect("small").to_le_bytes());
        file.resize(file.len() + data, 0);
        file
    }

    #[test]
    fn duration_is_the_data_over_the_byte_rate() {
        assert_eq!(
            duration(&wav(16_000, 40_000)),
            Some(Duration::from_millis(2_500))
        );
    }

    #[test]
    fn truncated_file_has_no_duration() {
        let whole = wav(16_000, 1_000);
        for length in 0..whole.len() {
            assert_eq!(duration(&whole[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn byte_rate_of_zero_has_no_duration() {
        assert_eq!(duration(&wav(0, 1_000)), None);
    }
}
