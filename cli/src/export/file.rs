//! Opens a file of JSON lines to continue it: an incomplete last line is removed.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::Result;

/// Mode of the file: it holds personal data, so only its owner may read it.
const OWNER_ONLY: u32 = 0o600;
/// The number of bytes read at a time from the end.
const CHUNK: u64 = 64 * 1024;
/// The longest line in bytes; no real line is this long.
const LINE_MAX: u64 = 4 * 1024 * 1024;

/// Opens or creates the file, positioned at its end, and returns its last complete line. The file is locked until it is
/// closed.
///
/// # Errors
///
/// If another process has locked the file, or its last line can't be read.
pub fn open(path: &Path) -> Result<(File, Option<String>)> {
    let mut file = File::options()
        .create(true)
        .read(true)
        .append(true)
        .mode(OWNER_ONLY)
        .open(path)?;
    // Some network file systems have no locks: there the operator must see to it.
    if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return Err("another export is writing this file".into());
    }
    let mut end = file.metadata()?.len();
    let mut tail = Vec::new();
    let mut begin = end;
    // Until the tail has a complete line: its line break, and the one before or the start of the file.
    loop {
        let breaks: Vec<_> = (0..tail.len()).filter(|&at| tail[at] == b'\n').collect();
        if let [.., before, last] = breaks[..] {
            end = begin + last as u64 + 1;
            tail = tail[before + 1..last].to_vec();
            break;
        }
        if begin == 0 {
            let last = breaks.first().copied();
            end = last.map_or(0, |last| last as u64 + 1);
            tail.truncate(last.unwrap_or(0));
            break;
        }
        if end - begin > LINE_MAX {
            return Err("its last line is too long".into());
        }
        let from = begin.saturating_sub(CHUNK);
        let mut chunk = vec![0; usize::try_from(begin - from)?];
        file.seek(SeekFrom::Start(from))?;
        file.read_exact(&mut chunk)?;
        chunk.extend(tail);
        (tail, begin) = (chunk, from);
    }
    file.set_len(end)?;
    let line = (end > 0).then(|| String::from_utf8(tail)).transpose();
    Ok((file, line.map_err(|_| "its last line is not JSON")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens a file with this text. Returns its text afterwards and its last line.
    fn opened(text: &str) -> Result<(String, Option<String>)> {
        let path = std::env::temp_dir().join(format!("outdial-export-{}", uuid::Uuid::new_v4()));
        std::fs::write(&path, text)?;
        let last = open(&path).map(|(_, last)| last);
        let text = std::fs::read_to_string(&path)?;
        std::fs::remove_file(&path)?;
        Ok((text, last?))
    }

    #[test]
    fn incomplete_last_line_is_removed() {
        for (text, whole, last) in [
            ("", "", None),
            ("{\"id\"", "", None),
            ("a\n", "a\n", Some("a")),
            ("a\nb", "a\n", Some("a")),
            ("a\nbc\n", "a\nbc\n", Some("bc")),
            ("a\nbc\nd", "a\nbc\n", Some("bc")),
        ] {
            let (kept, line) = opened(text).unwrap();
            assert_eq!((kept.as_str(), line.as_deref()), (whole, last), "{text:?}");
        }
    }

    #[test]
    fn line_may_be_longer_than_a_chunk() {
        let long = "x".repeat(200_000);
        let (kept, line) = opened(&format!("a\n{long}\n{}", "y".repeat(70_000))).unwrap();
        assert_eq!(kept.len(), 200_003);
        assert_eq!(line, Some(long));
        assert!(opened(&"z".repeat(5_000_000)).is_err());
    }
}
