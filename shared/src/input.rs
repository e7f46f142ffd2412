//! Files that a command line names. Each error names the file and its expected content, and repeats nothing of the content.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::error::Category;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Opens a file and returns it with its length in bytes. `expected` is its content, a noun with its article.
///
/// # Errors
///
/// If the file is missing, is a folder, or may not be read.
pub fn open(path: &Path, expected: &str) -> Result<(File, u64)> {
    let opened = File::open(path).and_then(|file| {
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        Ok((file, metadata.len()))
    });
    opened.map_err(|error| unreadable(path, expected, &error))
}

/// Reads a text file.
///
/// # Errors
///
/// If the file can't be opened, or is not UTF-8.
pub fn text(path: &Path, expected: &str) -> Result<String> {
    let (mut file, _) = open(path, expected)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, expected, &error))?;
    String::from_utf8(bytes)
        .map_err(|_| format!("{} must be {expected}: it is not UTF-8", path.display()).into())
}

/// Reads a JSON file.
///
/// # Errors
///
/// If the file can't be read, is not JSON, or is other JSON than expected.
pub fn json<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<T> {
    parse(path, expected, &text(path, expected)?)
}

/// Parses the text of a JSON file.
///
/// # Errors
///
/// If the text is not JSON, or is other JSON than expected.
pub fn parse<T: DeserializeOwned>(path: &Path, expected: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        // serde's own message may repeat a value.
        let fault = match error.classify() {
            Category::Data => "it is other JSON",
            Category::Eof => "the JSON is incomplete",
            Category::Syntax | Category::Io => "it is not JSON",
        };
        format!(
            "{} must be {expected}: {fault} (line {}, column {})",
            path.display(),
            error.line(),
            error.column()
        )
        .into()
    })
}

fn unreadable(
    path: &Path,
    expected: &str,
    error: &io::Error,
) -> Box<dyn std::error::Error + Send + Sync> {
    format!(
        "cannot read {}, which must be {expected}: {error}",
        path.display()
    )
    .into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn each_error_names_the_file_and_its_expected_content() {
        let folder = std::env::temp_dir().join(format!("outdial-input-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("file");
        let read = || {
            let read: Result<HashMap<String, String>> = json(&path, "a JSON object of texts");
            read.map_err(|error| {
                error
                    .to_string()
                    .replace(&path.display().to_string(), "FILE")
            })
        };
        let missing = read().unwrap_err();
        let wanted =
            "cannot read FILE, which must be a JSON object of texts: No such file or directory";
        assert!(missing.starts_with(wanted), "{missing}");
        for (bytes, fault) in [
            (&b"# outdial\n"[..], "it is not JSON (line 1, column 1)"),
            (b"{\"a\":\n 1}", "it is other JSON (line 2, column 2)"),
            (
                b"{\"a\": \"b\"",
                "the JSON is incomplete (line 1, column 9)",
            ),
            (b"", "the JSON is incomplete (line 1, column 0)"),
            (b"{\"a\": \"\xff\"}", "it is not UTF-8"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(
                read().unwrap_err(),
                format!("FILE must be a JSON object of texts: {fault}")
            );
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        let wanted = "cannot read FILE, which must be a JSON object of texts: it is a folder";
        assert_eq!(read().unwrap_err(), wanted);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
