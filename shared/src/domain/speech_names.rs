//! The names of voices and languages, as in the attributes of `<Say>`.

use super::{checked_text, from_json_string};

checked_text!(
    /// A voice for `<Say>`, such as `woman` or `Polly.Joanna-Neural`.
    Voice,
    |text| is_token(text, ".-_"),
    "must be the name of a Twilio voice, for example woman or Polly.Joanna-Neural"
);
checked_text!(
    /// A language for `<Say>`: a BCP 47 tag such as `en-US`.
    Language,
    |text| is_token(text, "-"),
    "must be a language tag, for example en-US"
);

fn is_token(text: &str, punctuation: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || punctuation.contains(letter);
    (1..=64).contains(&text.len()) && text.chars().all(is_allowed)
}

from_json_string!(Voice, Language);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voice_and_language_allow_few_characters() {
        assert!("Polly.Joanna-Neural".parse::<Voice>().is_ok());
        assert!("Google.en-US-Standard-A".parse::<Voice>().is_ok());
        assert!("\"><Hangup/>".parse::<Voice>().is_err());
        assert!("".parse::<Voice>().is_err());
        assert!("en-US".parse::<Language>().is_ok());
        assert!("en_US".parse::<Language>().is_err());
    }
}
