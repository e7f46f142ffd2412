//! Users from the lines that `outdial export users` writes.

use std::io::Read;
use std::str::FromStr;

use mongodb::bson::DateTime;
use outdial::csv::{Line, Lines, is_blank};
use outdial::domain::{Email, User, UserId};
use outdial::http::FieldError;
use serde_json::{Map, Value};

use super::row::{Content, Row, fault};
use crate::error::Result;

/// The fields of an exported user.
const FIELDS: [&str; 8] = [
    "id",
    "name",
    "email",
    "phone_number",
    "time_zone",
    "created_by",
    "created_at",
    "updated_at",
];

/// Returns the next line, or `None` at the end of the file.
///
/// # Errors
///
/// If the rest of the file can't be read, or a line is too long.
pub fn next<R: Read>(lines: &mut Lines<R>) -> Result<Option<Row>> {
    let line = lines.next_line()?;
    Ok(line.map(|line| Row {
        line: line.number,
        count: 1,
        content: content(&line),
    }))
}

fn content(line: &Line) -> Content {
    if line.text.chars().all(is_blank) {
        return Content::Blank;
    }
    let mut faults = Vec::new();
    match object(line) {
        Ok(object) => match user(&object, &mut faults) {
            Some(user) if faults.is_empty() => Content::User(Box::new(user)),
            _ => Content::Refused(faults),
        },
        Err(message) => Content::Refused(vec![fault("the line", message)]),
    }
}

/// Parses an object with the fields of a user. Other fields are refused, because they could not be stored.
fn object(line: &Line) -> Result<Map<String, Value>, String> {
    const WRITTEN: &str = "`outdial export users` writes one user a line";
    if line.is_damaged {
        return Err("is not UTF-8".to_owned());
    }
    let object: Map<String, Value> = match serde_json::from_str(&line.text) {
        Ok(object) => object,
        Err(error) if error.is_data() => return Err(format!("is not a JSON object: {WRITTEN}")),
        Err(error) => {
            let column = error.column();
            return Err(format!("is not JSON (column {column}): {WRITTEN}"));
        }
    };
    if object.keys().any(|name| !FIELDS.contains(&&**name)) {
        let fields = FIELDS.join(", ");
        return Err(format!(
            "is not an exported user: its fields are {fields}, and no others"
        ));
    }
    Ok(object)
}

fn user(object: &Map<String, Value>, faults: &mut Vec<FieldError>) -> Option<User> {
    let id: Option<UserId> = required(object, "id", faults);
    let name = required(object, "name", faults);
    let email: Option<Email> = required(object, "email", faults);
    let phone_number = required(object, "phone_number", faults);
    let time_zone = optional(object, "time_zone", faults);
    let created_by: Option<KeyName> = optional(object, "created_by", faults);
    let created_at: Option<Time> = required(object, "created_at", faults);
    let updated_at: Option<Time> = required(object, "updated_at", faults);
    let email = email?;
    Some(User {
        id: id?.object_id(),
        name: name?,
        email_lower: email.lower(),
        email,
        phone_number: phone_number?,
        time_zone,
        idempotency_scope: None,
        request_hash: None,
        created_by: created_by.map(|name| name.0),
        created_at: created_at?.0,
        updated_at: updated_at?.0,
    })
}

fn required<T: FromStr<Err: ToString>>(
    object: &Map<String, Value>,
    name: &str,
    faults: &mut Vec<FieldError>,
) -> Option<T> {
    let value = match object.get(name) {
        Some(Value::String(text)) => text.parse().map_err(|error: T::Err| error.to_string()),
        Some(_) => Err("must be a string".to_owned()),
        None => Err("is missing".to_owned()),
    };
    value
        .map_err(|message| faults.push(fault(name, message)))
        .ok()
}

fn optional<T: FromStr<Err: ToString>>(
    object: &Map<String, Value>,
    name: &str,
    faults: &mut Vec<FieldError>,
) -> Option<T> {
    match object.get(name) {
        None | Some(Value::Null) => None,
        Some(_) => required(object, name, faults),
    }
}

/// The name of the API key that created a user.
struct KeyName(String);

impl FromStr for KeyName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = (1..=64).contains(&text.len()) && !text.contains(char::is_control);
        is_name
            .then(|| Self(text.to_owned()))
            .ok_or("must be the name of an API key")
    }
}

/// A time in whole milliseconds, as the database stores it.
struct Time(DateTime);

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = chrono::DateTime::parse_from_rfc3339(text);
        time.map(|time| Self(DateTime::from_millis(time.timestamp_millis())))
            .map_err(|_| "must be a time, such as 2026-11-24T12:00:00.000Z")
    }
}

#[cfg(test)]
mod tests {
    use outdial::http::UserBody;

    use super::*;

    const LINE: &str = r#"{"id":"65f0a1b2c3d4e5f601234567","name":"Ada","email":"Ada@example.com","phone_number":"+12125550123","time_zone":null,"created_by":"backend","created_at":"2026-01-02T03:04:05.678Z","updated_at":"2026-01-02T03:04:05.678Z"}"#;

    fn read(text: impl AsRef<[u8]>) -> Content {
        let row = next(&mut Lines::new(text.as_ref())).unwrap();
        row.expect("a line").content
    }

    fn faults(text: impl AsRef<[u8]>) -> Vec<String> {
        match read(text) {
            Content::Refused(faults) => faults
                .into_iter()
                .map(|fault| format!("{} {}", fault.field, fault.message))
                .collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn exported_line_gives_the_user_that_was_exported() {
        let Content::User(user) = read(LINE) else {
            panic!("{:?}", faults(LINE));
        };
        assert_eq!(user.email_lower, "ada@example.com");
        assert_eq!(serde_json::to_string(&UserBody::from(*user)).unwrap(), LINE);
        // A line of an earlier version may lack the optional fields.
        let earlier = LINE.replace(r#""time_zone":null,"created_by":"backend","#, "");
        assert!(matches!(read(&earlier), Content::User(_)));
        assert!(matches!(read(" \r\n"), Content::Blank));
    }

    #[test]
    fn every_invalid_field_of_a_line_is_named_without_its_value() {
        for (changed, to, told) in [
            ("65f0a1b2c3d4e5f601234567", "65f0", &["id must"][..]),
            (
                "\"65f0a1b2c3d4e5f601234567\"",
                "17",
                &["id must be a string"],
            ),
            ("\"Ada\"", "null", &["name must be a string"]),
            (":\"Ada\"", ":\"\"", &["name must have"]),
            ("\"name\":\"Ada\",", "", &["name is missing"]),
            ("null", "\"Mars\"", &["time_zone must be"]),
            ("\"backend\"", "\"\"", &["created_by must be"]),
            (
                "2026-01-02T",
                "2026-13-02T",
                &["created_at must be", "updated_at must be"],
            ),
            ("{", "{\"_id\":1,", &["the line is not an exported user"]),
            (LINE, "[]", &["the line is not a JSON object"]),
            (LINE, "Ada,ada@example.com", &["the line is not JSON"]),
        ] {
            let said = faults(LINE.replace(changed, to));
            assert_eq!(said.len(), told.len(), "{to}: {said:?}");
            for (said, told) in said.iter().zip(told) {
                assert!(said.starts_with(told), "{to}: {said}");
                assert!(!said.contains("Mars") && !said.contains("Ada"), "{said}");
            }
        }
        let latin_1: Vec<_> = LINE
            .bytes()
            .map(|byte| if byte == b'd' { 0xe4 } else { byte })
            .collect();
        assert_eq!(faults(latin_1), ["the line is not UTF-8"]);
        assert!(faults(LINE.replace("Ada\"", "A\u{FFFD}a\"")).is_empty());
    }
}
