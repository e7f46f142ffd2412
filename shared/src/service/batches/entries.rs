//! The recipients of a request, and those that it names twice.

use std::{borrow::Cow, collections::HashMap};

use bson::oid::ObjectId;

use crate::{
    domain::{Batch, CallId, RecipientParts},
    service::rules::Line,
};

/// A fault of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientFault {
    /// The recipient's place in the request, from 0.
    pub index: usize,
    /// The field, with its path in the recipient.
    pub field: Cow<'static, str>,
    /// A sentence without its subject. It repeats no value.
    pub message: String,
}

/// A recipient that the request names once.
pub(super) struct Entry<'a> {
    pub(super) index: usize,
    pub(super) recipient: &'a RecipientParts,
    /// The id of its call. `None` if the field is invalid that identifies the recipient.
    pub(super) call_id: Option<CallId>,
    /// The called line. `None` if the number is invalid.
    pub(super) line: Option<Line>,
}

impl Entry<'_> {
    /// The `_id` of the call.
    pub(super) fn object_id(&self) -> Option<ObjectId> {
        self.call_id.map(CallId::object_id)
    }
}

/// Finds the recipients that the request names once, and those that repeat another one with other values.
pub(super) fn entries<'a>(
    batch: &Batch,
    recipients: &'a [RecipientParts],
) -> (Vec<Entry<'a>>, Vec<RecipientFault>) {
    let mut first_at: HashMap<ObjectId, usize> = HashMap::new();
    let mut entries = Vec::new();
    let mut faults = Vec::new();
    for (index, recipient) in recipients.iter().enumerate() {
        let identity = recipient.identity();
        let call_id = identity.map(|identity| CallId::of_recipient(batch.id, &identity));
        let first = call_id.map_or(index, |id| *first_at.entry(id.object_id()).or_insert(index));
        let is_repeat = first != index;
        if is_repeat && recipients[first].differs_from(recipient) {
            faults.push(RecipientFault {
                index,
                field: match recipient.external_id {
                    Ok(Some(_)) => "external_id".into(),
                    _ => "to_number".into(),
                },
                message: format!("repeats that of recipients[{first}], with other values"),
            });
        }
        if !is_repeat || recipients[first] != *recipient {
            let number = recipient.to_number.as_ref().ok();
            entries.push(Entry {
                index,
                recipient,
                call_id,
                line: number.map(Line::of),
            });
        }
    }
    (entries, faults)
}
