//! The body of a request that adds recipients: JSON or CSV, larger than other bodies.

use axum::extract::{FromRequest, Request};
use deserr::Deserr;
use outdial::{
    csv::{Bounds, RefusedRecipients, read_recipients},
    domain::{InvalidField, Recipient, RecipientParts, RecipientsAdd},
    http::{
        FieldErrors, Problem, has_media_type, parse_object, read_body, read_element, read_value,
    },
};
use serde_json::{Map, Value};

use crate::faults::Faults;

/// The maximum size of the body: Lambda takes events of 6 MB.
pub(crate) const RECIPIENTS_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Recipients, 1 to 1,000, and the faults of their fields. The rules may find others.
pub(crate) struct Recipients {
    pub(crate) recipients: Vec<RecipientParts>,
    pub(crate) faults: Faults,
}

impl<S: Send + Sync> FromRequest<S> for Recipients {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_csv = has_media_type(&request, "text/csv");
        if !is_csv && !has_media_type(&request, "application/json") {
            let expected = "application/json or text/csv";
            return Err(Problem::unsupported_media_type(expected));
        }
        let body = read_body(request, RECIPIENTS_MAX_BYTES).await?;
        if is_csv {
            of_csv(&body)
        } else {
            of_json(&body)
        }
    }
}

fn of_json(body: &[u8]) -> Result<Recipients, Problem> {
    let mut object = parse_object(body)?;
    let list = object.get_mut("recipients").and_then(Value::as_array_mut);
    let Some(list) = list else {
        read_value::<RecipientsAdd>(object)?;
        return Err(Problem::internal("a body without recipients was read"));
    };
    // Before anything is checked: each of a million empty objects would have a fault.
    if let Err(invalid) = RecipientsAdd::check_count(list.len()) {
        return Err(Faults::of_list(&invalid.to_string()).into());
    }
    let list = std::mem::take(list);
    let mut faults = Faults::default();
    if let Err(errors) = read_value::<RecipientsAdd>(object) {
        faults.add_fields(0, errors);
    }
    let read = list.into_iter().enumerate().map(|(index, element)| {
        match read_element::<Recipient>(element.clone(), "recipients", index) {
            Ok(recipient) => recipient.into(),
            Err(errors) => {
                faults.add_fields(index, errors);
                valid_fields(&element)
            }
        }
    });
    Ok(Recipients {
        recipients: read.collect(),
        faults,
    })
}

/// Reads the valid fields of a faulty recipient.
fn valid_fields(element: &Value) -> RecipientParts {
    let Some(object) = element.as_object() else {
        return RecipientParts::UNREADABLE;
    };
    RecipientParts {
        to_number: field::<Option<_>>(object, "to_number").and_then(|it| it.ok_or(InvalidField)),
        external_id: field(object, "external_id"),
        time_zone: field(object, "time_zone"),
        variables: field(object, "variables"),
        metadata: field(object, "metadata"),
    }
}

/// Reads one field. An absent one has its default.
fn field<T: Deserr<FieldErrors> + Default>(
    object: &Map<String, Value>,
    name: &str,
) -> Result<T, InvalidField> {
    object.get(name).map_or_else(
        || Ok(T::default()),
        |value| read_value(value.clone()).map_err(|_| InvalidField),
    )
}

fn of_csv(body: &[u8]) -> Result<Recipients, Problem> {
    let refused = match read_recipients(body, Bounds::REQUEST) {
        Ok(rows) => {
            let lines = rows.iter().map(|row| row.line).collect();
            let recipients = rows.into_iter().map(|row| row.recipient.into());
            return Ok(Recipients {
                recipients: recipients.collect(),
                faults: Faults::default().on_lines(lines),
            });
        }
        Err(refused) => refused,
    };
    let RefusedRecipients {
        rows,
        faults: found,
        count,
        stopped,
    } = refused;
    let mut faults = match &stopped {
        Some(stopped) => Faults::of_list(&format!("can't be read: {stopped}")),
        None => Faults::default(),
    }
    .on_lines(rows.iter().map(|row| row.line).collect());
    for fault in &found {
        faults.add(fault.index, fault.field.as_deref(), &fault.message);
    }
    faults.add_unshown(count - found.len());
    if stopped.is_some() {
        return Err(faults.into());
    }
    Ok(Recipients {
        recipients: rows.into_iter().map(|row| row.recipient).collect(),
        faults,
    })
}
