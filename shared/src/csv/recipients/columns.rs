//! The header of a table of recipients: the meaning of each column.

use std::collections::HashSet;

use crate::csv::error::CsvError;
use crate::csv::syntax::letters;
use crate::domain::ScriptVariables;

/// The meaning of a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Column {
    ToNumber,
    ExternalId,
    TimeZone,
    /// An entry of the metadata, by its key.
    Metadata(String),
    /// A variable of the template, by its name.
    Variable(String),
}

const METADATA_PREFIX: &str = "metadata.";
const VARIABLES_PREFIX: &str = "variables.";

impl Column {
    /// The name of the field in a JSON body, with dots.
    pub fn field(&self) -> String {
        match self {
            Self::ToNumber => "to_number".to_owned(),
            Self::ExternalId => "external_id".to_owned(),
            Self::TimeZone => "time_zone".to_owned(),
            Self::Metadata(key) => format!("{METADATA_PREFIX}{key}"),
            Self::Variable(name) => format!("{VARIABLES_PREFIX}{name}"),
        }
    }

    /// Returns whether a column of this name is a field of recipients, in any case and punctuation.
    pub fn is_field(name: &str) -> bool {
        Self::of_field(name).is_some()
    }

    fn of_field(name: &str) -> Option<Self> {
        match &*letters(name) {
            "tonumber" | "phonenumber" | "phone" => Some(Self::ToNumber),
            "externalid" => Some(Self::ExternalId),
            "timezone" => Some(Self::TimeZone),
            _ => None,
        }
    }

    fn parse(name: &str) -> Option<Self> {
        if let Some(field) = Self::of_field(name) {
            return Some(field);
        }
        if let Some(key) = after(name, METADATA_PREFIX) {
            return (!key.is_empty()).then(|| Self::Metadata(key.to_owned()));
        }
        let name = variable_name(after(name, VARIABLES_PREFIX).unwrap_or(name));
        ScriptVariables::is_name(&name).then_some(Self::Variable(name))
    }
}

/// Returns the rest of the name after a prefix in any case.
fn after<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| rest.trim())
}

/// Makes a variable's name of a column's: letters in lower case, and one `_` for each run of other characters between letters and
/// digits. `First Name`, `first-name` and `FIRST_NAME` are `first_name`.
fn variable_name(column: &str) -> String {
    let words = column.split(|c: char| !c.is_alphanumeric());
    let words: Vec<_> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("_")
}

/// Reads the header. No error repeats a name: in a file without a header, the first line has a person's data.
///
/// # Errors
///
/// If `to_number` is missing, a column has no valid name, two columns are the same, or there are too many.
pub fn read(names: &[String]) -> Result<Vec<Column>, CsvError> {
    let refused = |message: String| Err(CsvError::Header(message));
    if !names
        .iter()
        .any(|name| Column::of_field(name) == Some(Column::ToNumber))
    {
        return refused(
            "the header lacks to_number: the first line must name the columns".to_owned(),
        );
    }
    let mut columns = Vec::with_capacity(names.len());
    let mut seen = HashSet::new();
    for (number, name) in (1..).zip(names) {
        let Some(column) = Column::parse(name) else {
            return refused(format!(
                "column {number} of the header is not the name of a variable: use letters from a to z, digits and _, and begin \
                 with a letter"
            ));
        };
        if !seen.insert(column.clone()) {
            return refused(format!(
                "column {number} of the header has the same meaning as an earlier one: case and punctuation do not count"
            ));
        }
        columns.push(column);
    }
    let variables = columns.iter();
    let variables = variables.filter(|column| matches!(column, Column::Variable(_)));
    if variables.count() > ScriptVariables::COUNT_MAX {
        return refused(format!(
            "the header has more than {} columns of variables",
            ScriptVariables::COUNT_MAX
        ));
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Result<Vec<Column>, String> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        read(&names).map_err(|error| error.to_string())
    }

    fn variable(name: &str) -> Column {
        Column::Variable(name.to_owned())
    }

    #[test]
    fn fields_are_matched_by_letters_and_others_are_variables() {
        let names = [
            "External ID",
            "Phone-Number",
            "TIMEZONE",
            "Metadata.Order No",
            "First Name",
            "amount (USD)",
            "variables.due__date",
            "_x_1",
        ];
        let wanted = [
            Column::ExternalId,
            Column::ToNumber,
            Column::TimeZone,
            Column::Metadata("Order No".to_owned()),
            variable("first_name"),
            variable("amount_usd"),
            variable("due_date"),
            variable("x_1"),
        ];
        assert_eq!(columns(&names), Ok(wanted.to_vec()));
        for name in ["to_number", "To Number", "phone", "PHONE_NUMBER"] {
            assert_eq!(columns(&[name]), Ok(vec![Column::ToNumber]), "{name}");
        }
    }

    #[test]
    fn header_is_refused_without_its_names() {
        let many: Vec<_> = (0..65).map(|number| format!("v{number}")).collect();
        let many: Vec<_> = std::iter::once("phone")
            .chain(many.iter().map(String::as_str))
            .collect();
        for (names, told) in [
            (&[][..], "lacks to_number"),
            (&["+12125550123", "Ada"], "lacks to_number"),
            (&["to_number", "", "name"], "column 2 of the header is not"),
            (&["to_number", "Straße"], "column 2 of the header is not"),
            (&["to_number", "2nd_name"], "column 2 of the header is not"),
            (&["to_number", "metadata."], "column 2 of the header is not"),
            (
                &["to_number", "phone"],
                "column 2 of the header has the same meaning as an earlier one",
            ),
            (
                &["First Name", "phone", "first-name"],
                "column 3 of the header has the same",
            ),
            (
                &["phone", "metadata.a", "METADATA.a"],
                "column 3 of the header has the same",
            ),
            (&many, "more than 64"),
        ] {
            let said = columns(names).unwrap_err();
            assert!(
                said.contains(told) && !said.contains("Ada"),
                "{names:?}: {said}"
            );
        }
        assert!(columns(&many[..65]).is_ok());
    }
}
