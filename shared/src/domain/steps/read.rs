//! Reads a step from a request. A step with faults is read as far as possible, so that the rules between steps find theirs too.

use std::collections::BTreeMap;

use deserr::{
    DeserializeError, IntoValue, Map, MergeWithError, Value, ValueKind, ValuePointerRef,
    take_cf_content,
};

use super::{
    prompt::Prompt,
    step::{Action, Ask, Keys, Step, Then, Transfer},
};
use crate::domain::{
    InvalidValue,
    fields::{Fields, True, Within, wrong_kind},
};

/// The actions. A step has exactly one of them.
const ACTIONS: [&str; 4] = ["say", "ask", "transfer", "hang_up"];
/// The fields that only an ask has.
const ASK_FIELDS: [&str; 5] = [
    "options",
    "max_digits",
    "tries",
    "timeout_seconds",
    "no_input",
];

/// The error of a request, which collects all faults.
pub(super) trait Faults: DeserializeError + MergeWithError<InvalidValue> {}

impl<E: DeserializeError + MergeWithError<InvalidValue>> Faults for E {}

/// Reads a step. Returns it as far as it can be read, and its faults.
pub(super) fn step<V: IntoValue, E: Faults>(
    value: Value<V>,
    location: ValuePointerRef,
) -> (Option<Step>, Option<E>) {
    let mut fields = match Fields::of(value, location) {
        Ok(fields) => fields,
        Err(fault) => return (None, Some(fault)),
    };
    let id = fields.optional("id");
    let say = fields.optional::<Prompt>("say");
    let asks = fields.optional::<Prompt>("ask");
    let options = fields.partly("options", options);
    let max_digits = fields.optional::<Within<1, 20>>("max_digits");
    let tries = fields.optional::<Within<1, 3>>("tries");
    let timeout = fields.optional::<Within<3, 15>>("timeout_seconds");
    let no_input = fields.partly("no_input", then);
    let transfer = fields.partly("transfer", transfer);
    let hang_up = fields.optional::<True>("hang_up");
    let is_ask = check_fields(&mut fields);
    let keys = match (options, max_digits) {
        (Some(options), _) => Some(Keys::Options(options)),
        (None, most) => most.map(|Within(most)| Keys::Digits(most)),
    };
    let action = if is_ask {
        Some(Action::Ask(Ask {
            prompt: asks.unwrap_or_default(),
            keys: keys.unwrap_or(Keys::Digits(1)),
            tries: tries.map_or(Ask::DEFAULT_TRIES, |Within(tries)| tries),
            timeout_seconds: timeout.map_or(Ask::DEFAULT_TIMEOUT_SECONDS, |Within(it)| it),
            no_input: no_input.unwrap_or_default(),
        }))
    } else {
        let hang_up = hang_up.map(|True| Action::HangUp);
        let say = say.map(Action::Say);
        say.or(transfer.map(Action::Transfer)).or(hang_up)
    };
    // A step without an action has a fault. Its id still counts.
    let action = action.unwrap_or(Action::HangUp);
    (Some(Step { id, action }), fields.into_faults())
}

/// Checks which fields the step has. Returns true if it asks.
fn check_fields<V: IntoValue, E: Faults>(fields: &mut Fields<'_, V, E>) -> bool {
    let actions = fields.present_of(&ACTIONS);
    if actions.len() != 1 {
        let names = ACTIONS.join(", ");
        fields.refuse_all(format!("must have exactly one of {names}"));
    }
    let is_ask = actions.contains(&"ask");
    if matches!(actions[..], ["ask" | "transfer"]) && !fields.is_present("id") {
        fields.refuse("id", "is missing");
    }
    if is_ask {
        match fields.present_of(&["options", "max_digits"])[..] {
            [] => fields.refuse("options", "is missing: an ask has options or max_digits"),
            [_] => {}
            _ => fields.refuse("max_digits", "can't be combined with options"),
        }
    } else {
        for field in fields.present_of(&ASK_FIELDS) {
            fields.refuse(field, "is only for an ask");
        }
    }
    is_ask
}

/// Reads the continuation after an answer.
fn then<V: IntoValue, E: Faults>(
    value: Value<V>,
    location: ValuePointerRef,
) -> (Option<Then>, Option<E>) {
    let mut fields = match Fields::of(value, location) {
        Ok(fields) => fields,
        Err(fault) => return (None, Some(fault)),
    };
    let then = Then {
        outcome: fields.optional("outcome"),
        say: fields.optional("say"),
        goto: fields.optional("goto"),
        block: fields.optional::<True>("block").is_some(),
    };
    (Some(then), fields.into_faults())
}

/// Reads the options of an ask: by their digits.
fn options<V: IntoValue, E: Faults>(
    value: Value<V>,
    location: ValuePointerRef,
) -> (Option<BTreeMap<String, Then>>, Option<E>) {
    let Value::Map(map) = value else {
        return (None, Some(wrong_kind(value, &[ValueKind::Map], location)));
    };
    let (mut options, mut faults) = (BTreeMap::new(), None);
    if map.is_empty() {
        let fault = InvalidValue::new("must have at least one option");
        faults = Some(take_cf_content(E::merge(None, fault, location)));
    }
    for (key, value) in map.into_iter() {
        let here = location.push_key(&key);
        if key.len() != 1 || !key.bytes().all(|b| b.is_ascii_digit()) {
            let fault = InvalidValue::new("is not an option: options are the digits 0 to 9");
            faults = Some(take_cf_content(E::merge(faults, fault, here)));
            continue;
        }
        let (option, fault) = then::<V, E>(value.into_value(), here);
        if let Some(fault) = fault {
            faults = Some(take_cf_content(E::merge(faults, fault, here)));
        }
        options.insert(key, option.unwrap_or_default());
    }
    (Some(options), faults)
}

fn transfer<V: IntoValue, E: Faults>(
    value: Value<V>,
    location: ValuePointerRef,
) -> (Option<Transfer>, Option<E>) {
    let mut fields = match Fields::of(value, location) {
        Ok(fields) => fields,
        Err(fault) => return (None, Some(fault)),
    };
    let to = fields.required("to");
    let whisper = fields.optional("whisper");
    let max_seconds = fields.optional::<Within<60, 3_600>>("max_seconds");
    let failed = fields.partly("failed", then).unwrap_or_default();
    let transfer = to.map(|to| Transfer {
        to,
        whisper,
        max_seconds: max_seconds.map_or(Transfer::DEFAULT_MAX_SECONDS, |Within(it)| it),
        failed,
    });
    (transfer, fields.into_faults())
}
