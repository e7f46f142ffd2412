//! What must not be printed, in whatever disguise.

use std::fmt::Write;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

/// Where one of the marks is, if any is printed: its name, and the line.
pub fn find<'a>(
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

/// A text as JSON, URLs, base64 and `Debug` of bytes would hide it, in lower case.
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
    // Base64 of a text that it is somewhere in: what does not depend on its neighbours.
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
fn a_mark_is_found_in_every_disguise() {
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
        assert_eq!(find(line, &marks).len(), 1, "{line}");
    }
    assert!(find("to **********13 of z***@example.com", &marks).is_empty());
}
