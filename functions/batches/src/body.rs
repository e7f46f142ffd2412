//! The body of a request that adds recipients: JSON or CSV, larger than other bodies.

use axum::extract::{FromRequest, Request};
use outdial::{
    csv::{Bounds, RefusedRecipients, read_recipients},
    domain::{Recipient, RecipientsAdd},
    http::{FieldError, Problem, has_media_type, parse_object, read_body, read_object},
};

/// The maximum size of the body: Lambda takes events of 6 MB.
pub(crate) const RECIPIENTS_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Recipients: 1 to 1,000.
pub(crate) struct Recipients(pub(crate) Vec<Recipient>);

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
        .map(Self)
    }
}

fn of_json(body: &[u8]) -> Result<Vec<Recipient>, Problem> {
    let object = parse_object(body)?;
    // Before anything is checked: each of a million empty objects would have a fault.
    let count = object["recipients"].as_array().map(Vec::len);
    if let Some(Err(invalid)) = count.map(RecipientsAdd::check_count) {
        return Err(fault("recipients".to_owned(), invalid.to_string()));
    }
    let RecipientsAdd { recipients } = read_object(object)?;
    Ok(recipients)
}

fn of_csv(body: &[u8]) -> Result<Vec<Recipient>, Problem> {
    let rows = read_recipients(body, Bounds::REQUEST).map_err(refused)?;
    Ok(rows.into_iter().map(|row| row.recipient).collect())
}

/// The faults of a table, by the places of the recipients and by line.
fn refused(refused: RefusedRecipients) -> Problem {
    if let Some(stopped) = refused.stopped {
        return fault("recipients".to_owned(), format!("can't be read: {stopped}"));
    }
    let errors = refused.faults.into_iter().map(|fault| FieldError {
        field: match &fault.field {
            Some(field) => format!("recipients[{}].{field}", fault.index),
            None => format!("recipients[{}]", fault.index),
        },
        message: format!("{} (line {})", fault.message, fault.line),
    });
    Problem::invalid_fields(errors.collect())
}

fn fault(field: String, message: String) -> Problem {
    Problem::invalid_fields(vec![FieldError { field, message }])
}
