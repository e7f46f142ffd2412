//! From XML elements to verbs.

use super::attributes::Attributes;
use super::dial::dial;
use super::error::TwimlError;
use super::say::say;
use super::schema;
use super::verb::{Action, Gather, Play, Prompt, Record, Verb};
use super::xml::{Element, Node};

/// Reads the verbs in a Response.
///
/// # Errors
///
/// The first error in the document.
pub(super) fn verbs(root: &Element, warnings: &mut Vec<String>) -> Result<Vec<Verb>, TwimlError> {
    if root.name != "Response" {
        // Twilio reports a wrong root as a parse error, also if the document is well-formed.
        return Err(TwimlError::malformed(format!(
            "the root element is <{}>, not <Response>",
            root.name
        )));
    }
    schema::check_attributes(root, &[], warnings);
    elements(root)?
        .into_iter()
        .filter_map(|element| verb(element, warnings).transpose())
        .collect()
}

/// Reads a verb. Returns `None` for a verb that Twilio skips with a warning.
fn verb(element: &Element, warnings: &mut Vec<String>) -> Result<Option<Verb>, TwimlError> {
    let name = element.name.as_str();
    let Some(known) = schema::attributes(name) else {
        return Err(TwimlError::invalid(format!(
            "<{name}> is not a verb that the simulator can play"
        )));
    };
    schema::check_attributes(element, known, warnings);
    if !matches!(name, "Say" | "Gather" | "Dial")
        && element
            .children
            .iter()
            .any(|node| matches!(node, Node::Element(_)))
    {
        return Err(TwimlError::invalid(format!(
            "elements are not allowed in <{name}>"
        )));
    }
    let mut attrs = Attributes { element, warnings };
    Ok(Some(match name {
        "Say" => match say(&mut attrs)? {
            Some(say) => Verb::Say(say),
            None => return Ok(None),
        },
        "Play" => Verb::Play(play(&mut attrs)?),
        "Pause" => Verb::Pause(attrs.seconds("length", 1)),
        "Record" => Verb::Record(record(&mut attrs)),
        "Gather" => Verb::Gather(gather(&mut attrs)?),
        "Dial" => Verb::Dial(dial(&mut attrs)?),
        "Redirect" => {
            let url = Some(element.text().trim().to_owned()).filter(|url| !url.is_empty());
            Verb::Redirect(Action {
                url,
                get: attrs.is_get("method"),
            })
        }
        "Reject" => Verb::Reject,
        _ => Verb::Hangup,
    }))
}

fn play(attrs: &mut Attributes<'_>) -> Result<Play, TwimlError> {
    let url = attrs.element.text().trim().to_owned();
    let digits = attrs.element.attr("digits").map(str::to_owned);
    if url.is_empty() && digits.is_none() {
        let problem = "a Play must have a URL or digits";
        return Err(TwimlError::new(13420, problem));
    }
    Ok(Play {
        url,
        digits,
        fetched: false,
        times: attrs.count("loop", 1),
    })
}

fn record(attrs: &mut Attributes<'_>) -> Record {
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

fn gather(attrs: &mut Attributes<'_>) -> Result<Gather, TwimlError> {
    let mut prompts = Vec::new();
    for element in elements(attrs.element)? {
        prompts.push(match verb(element, attrs.warnings)? {
            None => continue,
            Some(Verb::Say(say)) => Prompt::Say(say),
            Some(Verb::Play(play)) => Prompt::Play(play),
            Some(Verb::Pause(length)) => Prompt::Pause(length),
            Some(_) => {
                return Err(TwimlError::invalid(format!(
                    "<{}> is not allowed in <Gather>",
                    element.name
                )));
            }
        });
    }
    let input = attrs.element.attr("input").unwrap_or("dtmf");
    if input
        .split_whitespace()
        .any(|kind| !matches!(kind, "dtmf" | "speech"))
    {
        attrs.warn("input", input);
    }
    let finish_on_key = attrs.element.attr("finishOnKey").unwrap_or("#");
    if finish_on_key.len() > 1 || finish_on_key.contains(|c| !is_key(c)) {
        attrs.warn("finishOnKey", finish_on_key);
    }
    Ok(Gather {
        most_keys: Some(attrs.count("numDigits", 0)).filter(|most| *most > 0),
        finish_on_key: finish_on_key.chars().next().filter(|&c| is_key(c)),
        prompts,
        action: attrs.action("action", "method"),
        timeout: attrs.seconds("timeout", 5),
        keys: input.contains("dtmf"),
        speech: input.contains("speech"),
        even_if_empty: attrs.element.attr("actionOnEmptyResult") == Some("true"),
    })
}

fn is_key(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '*' | '#')
}

/// Returns the elements in `parent`. Any other content must be white space.
fn elements(parent: &Element) -> Result<Vec<&Element>, TwimlError> {
    let mut found = Vec::new();
    for node in &parent.children {
        match node {
            Node::Element(element) => found.push(element),
            Node::Text(_) if node.is_blank() => {}
            Node::Text(_) => {
                let problem = format!("text is not allowed in <{}>", parent.name);
                return Err(TwimlError::invalid(problem));
            }
        }
    }
    Ok(found)
}
