//! Reading a Dial: the number, as text or as one Number.

use std::time::Duration;

use super::attributes::Attributes;
use super::error::TwimlError;
use super::schema;
use super::verb::{Action, Dial};
use super::xml::{Element, Node};

/// The ring times that Twilio accepts.
const TIMEOUTS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(5)..=Duration::from_mins(10);
const TIME_LIMIT_SECONDS: u32 = 14_400;

/// Reads a Dial.
///
/// # Errors
///
/// 12200 if it has another content than one number.
pub(super) fn dial(attrs: &mut Attributes<'_>) -> Result<Dial, TwimlError> {
    let noun = noun(attrs.element)?;
    let timeout = attrs.seconds("timeout", 30);
    let dial = Dial {
        number: noun.unwrap_or(attrs.element).text().trim().to_owned(),
        caller_id: attrs.element.attr("callerId").map(str::to_owned),
        timeout: timeout.clamp(*TIMEOUTS.start(), *TIMEOUTS.end()),
        time_limit: attrs.seconds("timeLimit", TIME_LIMIT_SECONDS),
        action: attrs.action("action", "method"),
        whisper: NOWHERE,
        send_digits: None,
        callback: NOWHERE,
        callback_events: Vec::new(),
    };
    let Some(number) = noun else {
        return Ok(dial);
    };
    schema::check_attributes(number, schema::NUMBER, attrs.warnings);
    let events = number.attr("statusCallbackEvent").unwrap_or("completed");
    let mut attrs = Attributes {
        element: number,
        warnings: attrs.warnings,
    };
    Ok(Dial {
        whisper: attrs.action("url", "method"),
        send_digits: number.attr("sendDigits").map(str::to_owned),
        callback: attrs.action("statusCallback", "statusCallbackMethod"),
        callback_events: events.split_whitespace().map(str::to_owned).collect(),
        ..dial
    })
}

const NOWHERE: Action = Action {
    url: None,
    get: false,
};

/// Returns the Number, or `None` if the Dial has the number as its text.
fn noun(dial: &Element) -> Result<Option<&Element>, TwimlError> {
    let nodes: Vec<_> = dial.children.iter().filter(|it| !it.is_blank()).collect();
    match nodes[..] {
        [Node::Text(_)] => Ok(None),
        [Node::Element(number)] if number.name == "Number" => Ok(Some(number)),
        _ => Err(TwimlError::invalid(
            "the simulator can only play a Dial of one number",
        )),
    }
}
