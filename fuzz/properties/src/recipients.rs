//! Property `recipients`: any table gives valid recipients or located faults.

use outdial::csv::{Bounds, RecipientRow, RefusedRecipients, TableWriter, read_recipients};
use outdial::domain::{ExternalId, PhoneNumber, Recipient, ScriptVariables, TimeZone};

const BOUNDS: Bounds = Bounds {
    bytes: 3_000,
    rows: 20,
};

/// Reads any bytes as a table of recipients. Recipients are valid and within the bounds. They are the same when they are written as
/// CSV and read again, or refused if a line of a value looks like a row of that table. Faults are in the order of the rows, and repeat no phone number.
///
/// # Panics
///
/// If the property is violated.
pub fn recipients(bytes: &[u8]) {
    match read_recipients(bytes, BOUNDS) {
        Ok(rows) => accepted(bytes, &rows),
        Err(refused) => faults(&refused),
    }
}

fn accepted(bytes: &[u8], rows: &[RecipientRow]) {
    assert!(bytes.len() as u64 <= BOUNDS.bytes);
    assert!((1..=BOUNDS.rows).contains(&rows.len()));
    assert!(rows.is_sorted_by(|one, next| one.line < next.line));
    for RecipientRow { recipient, .. } in rows {
        let number = recipient.to_number.as_str();
        assert!(number.parse::<PhoneNumber>().is_ok(), "{number:?}");
        let variables = recipient.variables.entries();
        assert!(variables.len() <= ScriptVariables::COUNT_MAX);
        for (name, value) in variables {
            assert!(ScriptVariables::is_name(name), "{name:?}");
            assert!((1..=1_000).contains(&value.chars().count()));
        }
        let again = write(recipient);
        let bounds = Bounds::REQUEST;
        let again = match read_recipients(&again[..], bounds) {
            Ok(again) => again,
            Err(refused) if refused.to_string().contains("which is a row itself") => continue,
            Err(refused) => panic!("{refused}: {}", again.escape_ascii()),
        };
        assert_eq!(again.len(), 1);
        assert!(again[0].recipient == *recipient, "{recipient:?}");
    }
}

/// Writes a table with one row.
fn write(recipient: &Recipient) -> Vec<u8> {
    let variables = recipient.variables.entries().iter();
    let metadata = recipient.metadata.clone().into_entries();
    let mut columns = vec!["to_number".to_owned()];
    let mut cells = vec![Some(recipient.to_number.as_str())];
    for (name, value) in variables {
        columns.push(format!("variables.{name}"));
        cells.push(Some(value));
    }
    for (key, value) in &metadata {
        columns.push(format!("metadata.{key}"));
        cells.push(Some(value));
    }
    columns.extend(["external_id", "time_zone"].map(str::to_owned));
    cells.push(recipient.external_id.as_ref().map(ExternalId::as_str));
    cells.push(recipient.time_zone.as_ref().map(TimeZone::as_str));
    let columns: Vec<_> = columns.iter().map(String::as_str).collect();
    // A key may contain delimiters.
    let mut writer = TableWriter::new(b"sep=,\r\n".to_vec(), &columns).expect("memory");
    writer.row(cells).expect("memory");
    writer.finish().expect("memory")
}

fn faults(refused: &RefusedRecipients) {
    assert!(refused.count > 0 || refused.stopped.is_some());
    assert!(refused.faults.len() <= refused.count.min(1_000));
    assert!(
        refused
            .faults
            .is_sorted_by_key(|fault| (fault.index, fault.line))
    );
    for fault in &refused.faults {
        assert!(fault.index < BOUNDS.rows && fault.line > 1, "{fault}");
        assert!(is_ours(&fault.message), "{fault}");
    }
    if let Some(stopped) = &refused.stopped {
        assert!(is_ours(&stopped.to_string()), "{stopped}");
    }
}

/// Returns whether a message is short and has no number but those of lines and limits.
fn is_ours(message: &str) -> bool {
    let without_example = message.replace("+12125550123", "");
    let digits = without_example.split(|c: char| !c.is_ascii_digit());
    message.len() < 250 && message.is_ascii() && digits.map(str::len).max() < Some(6)
}
