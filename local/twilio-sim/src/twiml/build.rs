//! From elements to typed verbs.

use std::time::Duration;

use super::verb::{Action, Gather, Play, Prompt, Record, Say, Verb};
use super::xml::{Element, Node};
use super::{TwimlError, schema};

/// The longest text of one Say: of a basic voice, and of one whose name has a provider in front (`Polly.`, `Google.`).
const MAX_SAY: (usize, usize) = (4_096, 3_000);

/// Twilio takes a Say whose URL-encoded text has fewer bytes.
const MAX_ENCODED_SAY: usize = 4_500;

/// The verbs in a Response.
pub(super) fn verbs(root: &Element, warnings: &mut Vec<String>) -> Result<Vec<Verb>, TwimlError> {
    if root.name != "Response" {
        // To Twilio a document without its root could not be parsed, well-formed or not.
        return Err(TwimlError {
            code: 12100,
            message: format!("the root element is <{}>, not <Response>", root.name),
        });
    }
    schema::check_attributes(root, &[], warnings);
    elements(root)?
        .into_iter()
        .filter_map(|element| verb(element, warnings).transpose())
        .collect()
}

/// `None` for a verb that Twilio passes over with a warning.
fn verb(element: &Element, warnings: &mut Vec<String>) -> Result<Option<Verb>, TwimlError> {
    let name = element.name.as_str();
    let Some(known) = schema::attributes(name) else {
        return Err(wrong(format!(
            "<{name}> is not a verb that can be played here"
        )));
    };
    schema::check_attributes(element, known, warnings);
    if !matches!(name, "Say" | "Gather")
        && element
            .children
            .iter()
            .any(|node| matches!(node, Node::Element(_)))
    {
        return Err(wrong(format!("<{name}> can't have elements in it")));
    }
    let mut attrs = Attrs { element, warnings };
    Ok(Some(match name {
        "Say" => match say(&mut attrs)? {
            Some(say) => Verb::Say(say),
            None => return Ok(None),
        },
        "Play" => Verb::Play(play(&mut attrs)?),
        "Pause" => Verb::Pause(attrs.seconds("length", 1)),
        "Record" => Verb::Record(record(&mut attrs)),
        "Gather" => Verb::Gather(gather(&mut attrs)?),
        "Redirect" => {
            let url = Some(element.text().trim().to_owned()).filter(|url| !url.is_empty());
            Verb::Redirect(Action {
                url,
                get: attrs.get("method"),
            })
        }
        "Reject" => Verb::Reject,
        _ => Verb::Hangup,
    }))
}

/// A Say, or `None` if its text is too long once it is URL-encoded. What Twilio does with the rest of the document then is
/// not documented; here the call goes on without the text.
fn say(attrs: &mut Attrs<'_>) -> Result<Option<Say>, TwimlError> {
    let mut breaks = Duration::ZERO;
    check_ssml(attrs.element, &mut breaks)?;
    let text = attrs
        .element
        .text()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let limit = match attrs.element.attr("voice") {
        Some(voice) if voice.contains('.') => MAX_SAY.1,
        _ => MAX_SAY.0,
    };
    if text.chars().count() > limit {
        return Err(TwimlError {
            code: 13520,
            message: format!("a Say of more than {limit} characters"),
        });
    }
    let encoded = url_encoded_length(&text);
    if encoded >= MAX_ENCODED_SAY {
        attrs.warnings.push(format!(
            "13521: a Say of {encoded} URL-encoded bytes is not spoken, the limit is {MAX_ENCODED_SAY}"
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

fn check_ssml(element: &Element, breaks: &mut Duration) -> Result<(), TwimlError> {
    for node in &element.children {
        let Node::Element(mark) = node else { continue };
        if !schema::is_ssml(&mark.name) {
            return Err(wrong(format!(
                "<{}> can't stand in <{}>",
                mark.name, element.name
            )));
        }
        if mark.name == "break" {
            *breaks += break_time(mark);
        }
        check_ssml(mark, breaks)?;
    }
    Ok(())
}

/// SSML's `<break>`: a time, or a strength whose usual length is taken.
fn break_time(mark: &Element) -> Duration {
    let time = mark.attr("time").unwrap_or_default();
    let parsed = match time.strip_suffix("ms") {
        Some(ms) => ms.parse::<f64>().map(|ms| ms / 1_000.0),
        None => time.strip_suffix('s').unwrap_or(time).parse(),
    };
    let by_strength = match mark.attr("strength") {
        Some("none" | "x-weak") => 0.0,
        Some("strong") => 0.75,
        Some("x-strong") => 1.2,
        _ => 0.4,
    };
    Duration::from_secs_f64(parsed.unwrap_or(by_strength).clamp(0.0, 10.0))
}

fn play(attrs: &mut Attrs<'_>) -> Result<Play, TwimlError> {
    let url = attrs.element.text().trim().to_owned();
    let digits = attrs.element.attr("digits").map(str::to_owned);
    if url.is_empty() && digits.is_none() {
        return Err(TwimlError {
            code: 13420,
            message: "a Play of nothing: neither a URL nor digits".to_owned(),
        });
    }
    Ok(Play {
        url,
        digits,
        times: attrs.count("loop", 1),
    })
}

fn record(attrs: &mut Attrs<'_>) -> Record {
    let events = attrs
        .element
        .attr("recordingStatusCallbackEvent")
        .unwrap_or("completed");
    Record {
        action: attrs.action("action", "method"),
        timeout: attrs.seconds("timeout", 5),
        max_length: attrs.seconds("maxLength", 3_600),
        callback: attrs.action("recordingStatusCallback", "recordingStatusCallbackMethod"),
        callback_events: events.split_whitespace().map(str::to_owned).collect(),
    }
}

fn gather(attrs: &mut Attrs<'_>) -> Result<Gather, TwimlError> {
    let mut prompts = Vec::new();
    for element in elements(attrs.element)? {
        prompts.push(match verb(element, attrs.warnings)? {
            None => continue,
            Some(Verb::Say(say)) => Prompt::Say(say),
            Some(Verb::Play(play)) => Prompt::Play(play),
            Some(Verb::Pause(length)) => Prompt::Pause(length),
            Some(_) => return Err(wrong(format!("<{}> can't stand in <Gather>", element.name))),
        });
    }
    let input = attrs.element.attr("input").unwrap_or("dtmf");
    if input
        .split_whitespace()
        .any(|kind| !matches!(kind, "dtmf" | "speech"))
    {
        attrs
            .warnings
            .push(format!("'{input}' is not a value of 'input'"));
    }
    Ok(Gather {
        prompts,
        action: attrs.action("action", "method"),
        timeout: attrs.seconds("timeout", 5),
        keys: input.contains("dtmf"),
        speech: input.contains("speech"),
        even_if_empty: attrs.element.attr("actionOnEmptyResult") == Some("true"),
    })
}

/// The elements in `parent`, which may have no text but white space beside them.
fn elements(parent: &Element) -> Result<Vec<&Element>, TwimlError> {
    let mut found = Vec::new();
    for node in &parent.children {
        match node {
            Node::Element(element) => found.push(element),
            Node::Text(_) if node.is_blank() => {}
            Node::Text(_) => return Err(wrong(format!("text in <{}>", parent.name))),
        }
    }
    Ok(found)
}

/// Attributes with their defaults; a value that makes no sense is warned of, and the default taken.
struct Attrs<'a> {
    element: &'a Element,
    warnings: &'a mut Vec<String>,
}

impl Attrs<'_> {
    fn count(&mut self, name: &str, default: u32) -> u32 {
        let Some(value) = self.element.attr(name) else {
            return default;
        };
        value.trim().parse().unwrap_or_else(|_| {
            self.warnings
                .push(format!("'{value}' is not a value of '{name}'"));
            default
        })
    }

    fn seconds(&mut self, name: &str, default: u32) -> Duration {
        if self.element.attr(name) == Some("auto") {
            return Duration::from_secs(default.into());
        }
        Duration::from_secs(self.count(name, default).into())
    }

    fn action(&mut self, url: &str, method: &str) -> Action {
        let url = self
            .element
            .attr(url)
            .filter(|url| !url.is_empty())
            .map(str::to_owned);
        Action {
            url,
            get: self.get(method),
        }
    }

    fn get(&mut self, name: &str) -> bool {
        let method = self.element.attr(name).unwrap_or("POST");
        if !matches!(method.to_ascii_uppercase().as_str(), "GET" | "POST") {
            self.warnings
                .push(format!("'{method}' is not a value of '{name}'"));
        }
        method.eq_ignore_ascii_case("GET")
    }
}

fn wrong(what: String) -> TwimlError {
    TwimlError {
        code: 12200,
        message: what,
    }
}
