//! Phone numbers, and what spreadsheets do to them.

use super::marks::unmarked;
use crate::domain::{InvalidValue, PhoneNumber};

/// The fault of a number in scientific notation.
pub const ROUNDED: &str = "is in scientific notation, such as 1.21256E+10: Excel has rounded the number. Format the column as Text, \
     enter the numbers again, and save the file anew";

/// Parses a cell as a phone number in E.164 format. `'+1…` and `="+1…"`, with which people keep the `+`, are accepted.
///
/// # Errors
///
/// If the cell is not a number. The message also explains what a spreadsheet did to the number.
pub fn phone_number(cell: &str) -> Result<PhoneNumber, InvalidValue> {
    let text = &*unmarked(cell);
    text.parse().map_err(|error: InvalidValue| {
        let digits = text.strip_suffix(".0").unwrap_or(text);
        if is_scientific(text) {
            InvalidValue(ROUNDED.to_owned())
        } else if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            InvalidValue(format!(
                "{error}: it lacks the +, which spreadsheets remove unless the column is formatted as Text"
            ))
        } else {
            error
        }
    })
}

/// True for scientific notation as Excel writes it in any language: `1.21256E+10`, `1,21256E+10`, `4e11`.
pub fn is_scientific(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else {
        return false;
    };
    let mantissa = mantissa.trim_start_matches(['+', '-']);
    let exponent = exponent.trim_start_matches(['+', '-']);
    is_digits(exponent) && mantissa.split(['.', ',']).all(is_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_number_is_read_and_changed_one_explained() {
        for cell in ["+12125550123", "'+12125550123", "=\"+12125550123\""] {
            let number = phone_number(cell).unwrap();
            assert_eq!(number.as_str(), "+12125550123");
        }
        for (cell, told) in [
            ("1.3105550199E+10", "scientific notation"),
            ("13105550199", "lacks the +"),
            ("=\"13105550199\"", "lacks the +"),
            ("(310) 555-0199", "E.164"),
            ("'13105550199", "E.164"),
            ("", "E.164"),
        ] {
            let error = phone_number(cell).unwrap_err().to_string();
            assert!(
                error.contains(told) && !error.contains("0199"),
                "{cell}: {error}"
            );
        }
    }
}
