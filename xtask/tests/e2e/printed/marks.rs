//! The secrets and personal data that the tests use, and a search for them in any encoding.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use testkit::{AUTH_TOKEN, api_key};

pub const KEY: &str = "key-of-quicksilver-aa61";
pub const MEDIA_KEY: &str = "media-of-quicksilver-bb72";
pub const API_KEY_SECRET: &str = "secret-of-quicksilver-cc83";
pub const PASSWORD: &str = "password-of-quicksilver-dd94";
pub const NAME: &str = "Zénobie Quillfeather";
pub const EMAIL: &str = "zenobie.quillfeather@mail.example.com";
pub const NUMBER: &str = "+14153227613";
pub const OTHER_NUMBER: &str = "+12064418529";
pub const ABROAD: &str = "+442079464413";
pub const SCRIPT: &str = "Hello, the biopsy is benign. Goodbye.";
pub const NOTE: &str = "melancholia";

/// Text that no log may contain, with its meaning.
fn marks() -> Vec<(&'static str, String)> {
    let hash = api_key("", KEY, "").replace(':', "");
    [
        ("API key", KEY),
        ("API key's hash", &hash),
        ("auth token", AUTH_TOKEN),
        ("media signing key", MEDIA_KEY),
        ("API key secret", API_KEY_SECRET),
        ("database password", PASSWORD),
        ("name", "Zénobie"),
        ("surname or address", "quillfeather"),
        ("number", "3227613"),
        ("other number", "4418529"),
        ("number abroad", "9464413"),
        ("script", "biopsy"),
        ("note", NOTE),
        ("idempotency key", "idempotent-by-oath"),
    ]
    .map(|(name, mark)| (name, mark.to_owned()))
    .to_vec()
}

/// The printed lines that contain a secret or personal data, with its meaning.
pub fn find(printed: &str) -> Vec<(&'static str, &str)> {
    find_all(printed, &marks())
}

fn find_all<'a>(
    printed: &'a str,
    marks: &[(&'static str, String)],
) -> Vec<(&'static str, &'a str)> {
    let forms: Vec<_> = marks
        .iter()
        .map(|(name, mark)| (*name, forms(mark)))
        .collect();
    let mut found = Vec::new();
    for line in printed.lines() {
        let lower = line.to_lowercase();
        let joined: String = lower.chars().filter(|c| !" -.()+".contains(*c)).collect();
        for (name, forms) in &forms {
            let is_there = |form: &String| lower.contains(form) || joined.contains(form);
            if forms.iter().any(is_there) {
                found.push((*name, line));
            }
        }
    }
    found
}

/// A text as it looks in JSON, in URLs, in base64 and in `Debug` output of bytes, in lower case.
fn forms(mark: &str) -> Vec<String> {
    let percent: String = mark.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02x}");
        text
    });
    let hex = percent.replace('%', "");
    let escaped = mark.encode_utf16().fold(String::new(), |mut text, unit| {
        let _ = match char::from_u32(unit.into()) {
            Some(c) if c.is_ascii() => write!(text, "{c}"),
            _ => write!(text, "\\u{unit:04x}"),
        };
        text
    });
    let decimals: Vec<_> = mark.bytes().map(|byte| byte.to_string()).collect();
    let mut forms = vec![
        mark.to_owned(),
        mark.escape_debug().to_string(),
        form_urlencoded::byte_serialize(mark.as_bytes()).collect(),
        percent,
        hex,
        escaped,
        decimals.join(", "),
        decimals.join(","),
    ];
    // Base64 of a longer text: only the part that does not depend on the text around it.
    for before in 0..3 {
        let text = [&vec![b'?'; before], mark.as_bytes()].concat();
        let whole = text.len() / 3 * 3;
        for engine in [BASE64_STANDARD, BASE64_URL_SAFE] {
            let encoded = engine.encode(&text[..whole]);
            forms.push(encoded[if before == 0 { 0 } else { 4 }..].to_owned());
        }
    }
    forms.iter().map(|form| form.to_lowercase()).collect()
}

#[test]
fn mark_is_found_in_every_encoding() {
    let marks = [
        ("number", "3227613".to_owned()),
        ("name", "Zénobie".to_owned()),
    ];
    for line in [
        "to +14153227613.",
        "to (415) 322-7613",
        "to 1.415.322.7613",
        r#""z\u00e9nobie""#,
        "ZÉNOBIE",
        "?name=Z%C3%A9nobie+Q",
        "[43, 49, 52, 49, 53, 51, 50, 50, 55, 54, 49, 51]",
        "2b3134313533323237363133",
        &BASE64_STANDARD.encode("number=+14153227613&"),
        &BASE64_STANDARD.encode("umber=+14153227613&"),
        &BASE64_STANDARD.encode("mber=+14153227613&"),
    ] {
        assert_eq!(find_all(line, &marks).len(), 1, "{line}");
    }
    assert!(find_all("to **********13 of z***@example.com", &marks).is_empty());
}
