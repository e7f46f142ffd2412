//! People who call back: the number that they call, and the number that takes them over.

use super::{ConfigError, Settings};
use crate::domain::PhoneNumber;

impl Settings {
    /// Parses `INBOUND_FORWARD_TO`: the number that people who call back are connected with.
    ///
    /// # Errors
    ///
    /// If it is malformed, or `CALLBACK_NUMBER`, whose calls lead back to us.
    pub fn forward_to(&self) -> Result<Option<PhoneNumber>, ConfigError> {
        const NUMBER: &str =
            "a number in E.164 format, such as +12125550123, other than CALLBACK_NUMBER";
        let malformed = || ConfigError::malformed("INBOUND_FORWARD_TO", NUMBER);
        let Some(text) = self.values.get("INBOUND_FORWARD_TO")? else {
            return Ok(None);
        };
        let number: PhoneNumber = text.parse().map_err(|_| malformed())?;
        if self.callback_number()?.as_ref() == Some(&number) {
            return Err(malformed());
        }
        Ok(Some(number))
    }

    /// Parses `CALLBACK_NUMBER`.
    ///
    /// # Errors
    ///
    /// If it is malformed.
    pub fn callback_number(&self) -> Result<Option<PhoneNumber>, ConfigError> {
        const NUMBER: &str = "a number of the Twilio account in E.164 format, such as +12125550123";
        let number = self.values.get("CALLBACK_NUMBER")?;
        number
            .map(str::parse)
            .transpose()
            .map_err(|_| ConfigError::malformed("CALLBACK_NUMBER", NUMBER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_not_forwarded_to_the_number_that_was_called() {
        let forward_to = |number: &str| {
            let settings = Settings::from_pairs([
                ("CALLBACK_NUMBER", "+12125550101"),
                ("INBOUND_FORWARD_TO", number),
            ]);
            settings.unwrap().forward_to()
        };
        let number = forward_to("+12125550103").unwrap().unwrap();
        assert_eq!(number.as_str(), "+12125550103");
        assert_eq!(forward_to("").unwrap(), None);
        for bad in ["+12125550101", "2125550103", "sip:a@b.c"] {
            let error = forward_to(bad).unwrap_err().to_string();
            assert!(
                error.starts_with("INBOUND_FORWARD_TO is malformed"),
                "{error}"
            );
        }
    }
}
