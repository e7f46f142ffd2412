//! Twilio's refusal of a request.

use std::fmt;

/// Why Twilio refused a request, or could not be reached.
///
/// Twilio's message may contain phone numbers. `Debug` and `Display` show only their last two digits.
#[derive(Clone, PartialEq, Eq)]
pub struct TwilioRefusal {
    /// The HTTP status, or `None` if Twilio could not be reached.
    pub http_status: Option<u16>,
    /// Twilio's error code.
    pub code: Option<i32>,
    /// Twilio's message, or our own if it could not be reached.
    pub message: String,
}

impl TwilioRefusal {
    /// Returns whether Twilio refuses the called number, which the client chose.
    ///
    /// Other refusals concern our own number, URLs, credentials or limits, which the operator must fix.
    #[must_use]
    pub fn is_of_called_number(&self) -> bool {
        self.code
            .is_some_and(|code| OF_CALLED_NUMBER.contains(&code))
    }
}

impl TwilioRefusal {
    /// Returns whether Twilio has not taken the request because of too many calls or requests at once. The same request may
    /// succeed later.
    #[must_use]
    pub fn is_of_load(&self) -> bool {
        self.http_status == Some(429) || self.code.is_some_and(|code| OF_LOAD.contains(&code))
    }

    /// Returns whether Twilio refuses the account, its caller ID or its URLs: then it refuses all calls, until an operator acts.
    #[must_use]
    pub fn is_of_account(&self) -> bool {
        let is_of_account = matches!(self.http_status, Some(401 | 403 | 404))
            || self.code.is_some_and(|code| OF_ACCOUNT.contains(&code));
        is_of_account && !self.is_of_called_number()
    }
}

/// Twilio's error codes about too many calls or requests at once.
const OF_LOAD: [i32; 2] = [
    10004, // concurrent calls
    20429, // concurrent requests
];

/// Twilio's error codes about the account, its caller ID and its URLs.
const OF_ACCOUNT: [i32; 14] = [
    10001, // the account is not active
    20003, // the credentials
    20005, // the account is not active
    20008, // test credentials
    20403, // forbidden
    20404, // no such account
    21205, // a URL
    21210, // the caller ID is not verified
    21212, // the caller ID is not valid
    21213, // the caller ID is missing
    21609, // the status callback's URL
    22005, // a day of calls is queued
    13214, // the caller ID is not allowed
    13247, // the caller ID is not assigned
];

/// Twilio's error codes about the called number, of the Calls resource and of `<Dial>`, from its error dictionary
/// (<https://www.twilio.com/docs/api/errors>).
const OF_CALLED_NUMBER: [i32; 13] = [
    21202, // a premium-rate number
    21203, // international calls are not enabled
    21211, // not a valid number
    21214, // cannot be reached
    21215, // no geographic permission
    21216, // on Twilio's block list
    21217, // does not appear to be valid
    21219, // not verified, which a trial account needs
    13223, // not in the format of a number
    13224, // not a valid number
    13225, // on Twilio's block list
    13226, // not a valid country code
    13227, // no geographic permission
];

impl std::error::Error for TwilioRefusal {}

impl fmt::Display for TwilioRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_numbers(&self.message))
    }
}

impl fmt::Debug for TwilioRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioRefusal")
            .field("http_status", &self.http_status)
            .field("code", &self.code)
            .field("message", &mask_numbers(&self.message))
            .finish()
    }
}

/// Masks all but the last two digits of each phone number, in any spelling. Shorter numbers, such as error codes, stay.
fn mask_numbers(text: &str) -> String {
    const LONGEST_CODE: usize = 5;
    let is_in_a_number = |c: char| c.is_ascii_digit() || " -.()".contains(c);
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_in_a_number(c)).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        let digits = number.chars().filter(char::is_ascii_digit).count();
        let mut hidden = if digits > LONGEST_CODE { digits - 2 } else { 0 };
        masked.push_str(before);
        masked.extend(number.chars().map(|c| {
            if c.is_ascii_digit() && hidden > 0 {
                hidden -= 1;
                '*'
            } else {
                c
            }
        }));
        rest = after;
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_number_is_no_refusal_of_the_account_whatever_the_http_status() {
        let refusal = |code| TwilioRefusal {
            http_status: Some(403),
            code,
            message: String::new(),
        };
        assert!(!refusal(Some(21216)).is_of_account());
        assert!(refusal(Some(20005)).is_of_account() && refusal(None).is_of_account());
    }

    #[test]
    fn unknown_account_is_a_refusal_of_the_account() {
        let refusal = |http_status, code| TwilioRefusal {
            http_status,
            code,
            message: String::new(),
        };
        assert!(refusal(Some(404), None).is_of_account());
        assert!(refusal(None, Some(20404)).is_of_account());
        assert!(!refusal(Some(400), None).is_of_account());
    }

    #[test]
    fn refusal_prints_codes_and_masks_phone_numbers() {
        let refusal = TwilioRefusal {
            http_status: Some(400),
            code: Some(21211),
            message: "21211: The 'To' number +15005550001, é, (500) 555-0001, is not valid 12"
                .into(),
        };
        let shown = "21211: The 'To' number +*********01, é, (***) ***-**01, is not valid 12";
        assert_eq!(refusal.to_string(), shown);
        assert!(format!("{refusal:?}").contains(shown));
    }
}
