//! The header of a CSV file of users: the field of each column.

use outdial::csv::{DELIMITER_NAMES, letters};

use crate::error::Result;

/// The fields of `POST /users`.
pub const COLUMNS: [&str; 4] = ["name", "email", "phone_number", "time_zone"];
const REQUIRED: usize = 3;

/// The columns of a file.
pub struct Header {
    /// The position of each of [`COLUMNS`].
    pub places: [Option<usize>; COLUMNS.len()],
}

impl Header {
    /// Reads the names of the columns. No error repeats a cell: in a file without a header, the first line has a person's data.
    ///
    /// # Errors
    ///
    /// If a column is unknown, repeated or missing.
    pub fn read(names: &[String]) -> Result<Self> {
        if let [only] = names
            && COLUMNS[..REQUIRED]
                .iter()
                .all(|column| letters(only).contains(&letters(column)))
        {
            return Err(format!(
                "the columns of the header are not separated by {DELIMITER_NAMES}: save the file as \"CSV UTF-8\""
            )
            .into());
        }
        let mut places = [None; COLUMNS.len()];
        for (place, name) in names.iter().enumerate() {
            let Some(column) = column(name) else {
                return Err(format!(
                    "column {} of the header is unknown: a header has {}, separated by {DELIMITER_NAMES}",
                    place + 1,
                    COLUMNS.join(", ")
                )
                .into());
            };
            if places[column].replace(place).is_some() {
                return Err(format!("the header repeats {}", COLUMNS[column]).into());
            }
        }
        match (0..REQUIRED).find(|&column| places[column].is_none()) {
            Some(column) => Err(format!("the header lacks {}", COLUMNS[column]).into()),
            None => Ok(Self { places }),
        }
    }
}

/// Finds the name among [`COLUMNS`] by its letters: `Phone Number`, `PHONE_NUMBER` and `phone-number` are the same.
pub fn column(name: &str) -> Option<usize> {
    let name = letters(name);
    COLUMNS.iter().position(|column| letters(column) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_matched_by_letters() {
        let cells = ["TIME ZONE", "Phone\u{a0}number", "E-Mail", "Name"];
        let header = Header::read(&cells.map(str::to_owned)).unwrap();
        assert_eq!(header.places, [Some(3), Some(2), Some(1), Some(0)]);
    }

    #[test]
    fn header_is_required_and_names_the_columns() {
        for (header, error) in [
            (&[][..], "lacks name"),
            (&["name", "email"], "lacks phone_number"),
            (&["Name:E-Mail:Phone Number"], "not separated by a comma"),
            (&["name", "email", "phone_number", "Name"], "repeats name"),
            (
                &["name", "", "email", "phone_number"],
                "column 2 of the header",
            ),
            (
                &["Ada", "ada@example.com", "+12125550123"],
                "column 1 of the header",
            ),
        ] {
            let cells: Vec<_> = header.iter().map(|&cell| cell.to_owned()).collect();
            let said = Header::read(&cells).map(drop).unwrap_err().to_string();
            assert!(said.contains(error) && !said.contains("ada@"), "{said}");
        }
    }
}
