//! Reading a Say: its text, its SSML and Twilio's limits.

use std::time::Duration;

use super::attributes::Attributes;
use super::error::TwimlError;
use super::schema;
use super::verb::Say;
use super::voices;
use super::xml::{Element, Node};

/// The longest text of a Say with a basic voice, in characters.
const MAX_TEXT: usize = 4_096;
/// The longest text of a Say whose voice names a provider (`Polly.`, `Google.`), in characters.
const MAX_PROVIDER_TEXT: usize = 3_000;
/// The URL-encoded text of a Say must have fewer bytes than this.
const MAX_ENCODED: usize = 4_500;

/// Reads a Say. Returns `None`, with a warning, if its URL-encoded text is too long.
///
/// Twilio doesn't document how the call continues then. In the simulator it continues without the text.
///
/// # Errors
///
/// 13520 if the text is too long or has an element that the voice does not speak, 12200 for an element that is not SSML.
pub(super) fn say(attrs: &mut Attributes<'_>) -> Result<Option<Say>, TwimlError> {
    let mut breaks = Duration::ZERO;
    let voice = attrs.element.attr("voice");
    check_ssml(attrs.element, voice, &mut breaks)?;
    let text = attrs
        .element
        .text()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let limit = match voice {
        Some(voice) if voice.contains('.') => MAX_PROVIDER_TEXT,
        _ => MAX_TEXT,
    };
    if text.chars().count() > limit {
        let problem = format!("the text of a Say has more than {limit} characters");
        return Err(TwimlError::new(13520, problem));
    }
    let encoded = url_encoded_length(&text);
    if encoded >= MAX_ENCODED {
        attrs.warnings.push(format!(
            "13521: a Say is skipped because its URL-encoded text has {encoded} bytes; it must have fewer than {MAX_ENCODED}"
        ));
        return Ok(None);
    }
    Ok(Some(Say {
        text,
        breaks,
        times: attrs.count("loop", 1),
    }))
}

fn url_encoded_length(text: &str) -> usize {
    let is_kept =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| if is_kept(byte) { 1 } else { 3 })
        .sum()
}

/// Checks the SSML in an element and adds up its breaks.
fn check_ssml(
    element: &Element,
    voice: Option<&str>,
    breaks: &mut Duration,
) -> Result<(), TwimlError> {
    for node in &element.children {
        let Node::Element(child) = node else { continue };
        if !schema::is_ssml(&child.name) {
            return Err(TwimlError::invalid(format!(
                "<{}> is not allowed in <{}>",
                child.name, element.name
            )));
        }
        if !voices::speaks(voice, child) {
            let voice = voice.unwrap_or_default();
            let problem = format!("the voice {voice} does not speak <{}>", child.name);
            return Err(TwimlError::new(13520, problem));
        }
        if child.name == "break" {
            *breaks += break_time(child);
        }
        check_ssml(child, voice, breaks)?;
    }
    Ok(())
}

/// Returns the length of an SSML `<break>`: its time, or the usual length of its strength.
fn break_time(element: &Element) -> Duration {
    let time = element.attr("time").unwrap_or_default();
    let parsed = match time.strip_suffix("ms") {
        Some(ms) => ms.parse::<f64>().map(|ms| ms / 1_000.0),
        None => time.strip_suffix('s').unwrap_or(time).parse(),
    };
    let by_strength = match element.attr("strength") {
        Some("none" | "x-weak") => 0.0,
        Some("strong") => 0.75,
        Some("x-strong") => 1.2,
        _ => 0.4,
    };
    Duration::from_secs_f64(parsed.unwrap_or(by_strength).clamp(0.0, 10.0))
}
