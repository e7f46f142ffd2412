//! Phone numbers in E.164 format, and as Twilio displays them.

/// Converts a number to E.164 format, or returns `None` if Twilio would not accept it.
///
/// Twilio accepts a plus sign with the country code, or a US number without one. Spaces, dots, dashes and parentheses may
/// stand anywhere.
#[must_use]
pub fn e164(text: &str) -> Option<String> {
    let (plus, rest) = match text.trim().strip_prefix('+') {
        Some(rest) => (true, rest),
        None => (false, text.trim()),
    };
    if !rest
        .chars()
        .all(|c| c.is_ascii_digit() || " .-()".contains(c))
    {
        return None;
    }
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    match (plus, digits.len()) {
        (true, 7..=15) if !digits.starts_with('0') => Some(format!("+{digits}")),
        (false, 10) if !digits.starts_with(['0', '1']) => Some(format!("+1{digits}")),
        (false, 11) if digits.starts_with('1') => Some(format!("+{digits}")),
        _ => None,
    }
}

/// Formats a number as Twilio's `…_formatted` fields do: North American numbers in national format, others unchanged.
#[must_use]
pub fn formatted(number: &str) -> String {
    match number.strip_prefix("+1") {
        Some(national) if national.len() == 10 && national.is_ascii() => {
            format!(
                "({}) {}-{}",
                &national[..3],
                &national[3..6],
                &national[6..]
            )
        }
        _ => number.to_owned(),
    }
}
