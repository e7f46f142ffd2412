//! The faults of a request that adds recipients: of the fields, and of the rules.

use outdial::{
    http::{FieldError, FieldErrors, Problem},
    service::batches::RecipientFault,
};

/// Faults by the place of the recipient.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    found: Vec<(usize, FieldError)>,
    count: usize,
    /// The line of each recipient in a table.
    lines: Option<Vec<u64>>,
}

impl Faults {
    /// A fault of the whole list.
    pub(crate) fn of_list(message: &str) -> Self {
        let error = FieldError {
            field: "recipients".to_owned(),
            message: message.to_owned(),
        };
        Self {
            found: vec![(0, error)],
            count: 1,
            lines: None,
        }
    }

    /// The faults, with the lines of the recipients in a table.
    pub(crate) fn on_lines(self, lines: Vec<u64>) -> Self {
        Self {
            lines: Some(lines),
            ..self
        }
    }

    /// Adds the faults of an element, or of the whole body.
    pub(crate) fn add_fields(&mut self, index: usize, errors: FieldErrors) {
        let (errors, count) = errors.into_parts();
        let left = FieldErrors::MAX.saturating_sub(self.found.len());
        let errors = errors.into_iter().take(left);
        self.found.extend(errors.map(|error| (index, error)));
        self.count += count;
    }

    /// Adds a fault. `field` is `None` if it is about the whole recipient.
    pub(crate) fn add(&mut self, index: usize, field: Option<&str>, message: &str) {
        let line = self.lines.as_ref().and_then(|lines| lines.get(index));
        let place = format!("recipients[{index}]");
        let error = FieldError {
            field: field.map_or_else(|| place.clone(), |field| format!("{place}.{field}")),
            message: line.map_or_else(
                || message.to_owned(),
                |line| format!("{message} (line {line})"),
            ),
        };
        self.found.push((index, error));
        self.count += 1;
    }

    /// Counts faults that are not shown.
    pub(crate) fn add_unshown(&mut self, count: usize) {
        self.count += count;
    }

    /// Adds the faults that the rules found.
    pub(crate) fn add_rules(&mut self, faults: &[RecipientFault]) {
        for fault in faults {
            self.add(fault.index, Some(&fault.field), &fault.message);
        }
    }

    /// Checks that there is no fault.
    ///
    /// # Errors
    ///
    /// 422 otherwise.
    pub(crate) fn check(self) -> Result<(), Problem> {
        match self.count {
            0 => Ok(()),
            _ => Err(self.into()),
        }
    }
}

/// 422, with the first 1,000 faults in the order of the recipients.
impl From<Faults> for Problem {
    fn from(mut faults: Faults) -> Self {
        faults.found.sort_by_key(|(index, _)| *index);
        let errors = faults.found.into_iter().map(|(_, error)| error);
        FieldErrors::new(errors.collect(), faults.count).into()
    }
}
