//! A person's contact data: phone number, e-mail address, name.

use std::{fmt, str::FromStr};

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};
use url::Host;

use super::{InvalidValue, from_json_string, one_line};

/// A phone number in E.164 format: `+`, then 7 to 15 digits, the first of which is not 0.
///
/// `Debug` and `Display` show only the last two digits.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber(String);

/// Shorter numbers exist, but can't be called from abroad.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

impl PhoneNumber {
    /// The full number, for Twilio and for API clients.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PhoneNumber {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let valid = PHONE_DIGITS.contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|b| b.is_ascii_digit());
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new(
                "must be a phone number in E.164 format, for example +12125550123",
            ))
        }
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tail = self.0.char_indices().rev().nth(1).map_or(0, |(at, _)| at);
        write!(f, "{}{}", "*".repeat(tail), &self.0[tail..])
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({self})")
    }
}

/// An e-mail address (RFC 5321: ASCII, at most 254 characters) with a domain name. Its case is ignored in comparisons.
///
/// `Debug` and `Display` show only the first letter and the domain.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

const EMAIL_MAX: usize = 254;

impl Email {
    /// The address as the client wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address in lower case, for comparisons: the stored field `email_lower`.
    #[must_use]
    pub fn lower(&self) -> String {
        self.0.to_lowercase()
    }
}

impl FromStr for Email {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let options = Options::default()
            .with_required_tld()
            .without_domain_literal()
            .without_display_text();
        EmailAddress::parse_with_options(text, options)
            .ok()
            .filter(|_| text.is_ascii() && text.len() <= EMAIL_MAX)
            .filter(|address| is_domain_name(address.domain()))
            .map(|_| Self(text.to_owned()))
            .ok_or_else(|| {
                InvalidValue::new("must be an e-mail address, for example ada@example.com")
            })
    }
}

/// Returns whether the text is a domain name: labels of letters, digits and inner hyphens, joined by dots.
///
/// Hyphens in third and fourth place are reserved for IDNA (RFC 5891): they need the prefix `xn--` and valid Punycode.
fn is_domain_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.starts_with('-')
            && !label.ends_with('-')
            && (label.get(2..4) != Some("--") || label[..2].eq_ignore_ascii_case("xn"))
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.split('.').all(is_label) && matches!(Host::parse(text), Ok(Host::Domain(_)))
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        write!(f, "{}***@{domain}", local.chars().next().unwrap_or('*'))
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({self})")
    }
}

/// A person's name: 1 to 200 characters, not blank, without control characters. It is trimmed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserName(String);

const USER_NAME_MAX: usize = 200;

impl UserName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        one_line(text, USER_NAME_MAX).map(Self)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserName(***)")
    }
}

from_json_string!(PhoneNumber, Email, UserName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_e_164() {
        for good in [
            "+12125550123",
            "+442079460000",
            "+2901234",
            "+123456789012345",
        ] {
            assert!(good.parse::<PhoneNumber>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "+",
            "12125550123",
            "+02125550123",
            "+1 212 555 0123",
            "+1212555012a",
            "+123456",
            "+1234567890123456",
            "tel:+12125550123",
            "+１２１２５５５０１２３",
            "+12125550123\n",
        ] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad}");
        }
    }

    #[test]
    fn printed_number_is_masked() {
        let number: PhoneNumber = "+12125550123".parse().unwrap();
        assert_eq!(number.to_string(), "**********23");
        assert_eq!(format!("{number:?}"), "PhoneNumber(**********23)");
    }

    #[test]
    fn address_has_a_local_part_and_a_domain_name() {
        for good in [
            "ada@example.com",
            "a.b+c@sub.example.org",
            "Ada.L@EXAMPLE.com",
            "ada@xn--bcher-kva.example",
            "\"ada l\"@example.com",
        ] {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "ada@localhost",
            "a b@example.com",
            "Ada <ada@example.com>",
            "ada@[127.0.0.1]",
            "ada@example.com ",
            "ada@@example.com",
            "ada@exa}ple.com",
            "ada@-example.com",
            "ada@example_.com",
            "ada@b\u{fc}cher.example",
            "\u{e4}da@example.com",
            "ada@xn--zzzzzzz99.example",
            "ada@127.0.0.1",
            "ada@ab--cd.example",
        ] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
        let of_length = |length: usize| {
            let domain = format!("{}.example", "a.".repeat(90) + &"b".repeat(length - 192));
            format!("ada@{domain}").parse::<Email>()
        };
        assert!(of_length(254).is_ok());
        assert!(of_length(255).is_err());
        assert!(
            format!("{}@example.com", "a".repeat(300))
                .parse::<Email>()
                .is_err()
        );
    }

    #[test]
    fn printed_address_is_masked() {
        let email: Email = "ada@example.com".parse().unwrap();
        assert_eq!(email.to_string(), "a***@example.com");
    }

    #[test]
    fn name_is_trimmed_and_has_at_most_200_characters() {
        assert_eq!(" Ada ".parse::<UserName>().unwrap().as_str(), "Ada");
        assert!("é".repeat(200).parse::<UserName>().is_ok());
        for bad in [
            String::new(),
            "  ".into(),
            "a".repeat(201),
            format!("{} ", "a".repeat(200)),
            "a\u{7}b".into(),
            "a\n".into(),
        ] {
            assert!(bad.parse::<UserName>().is_err());
        }
    }
}
