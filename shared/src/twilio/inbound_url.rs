//! The URLs of calls to our number: they have all that the next request needs.

use super::webhook_url::{LANGUAGE, PRESSED, RETRY, STEP_OVERRIDES, query_pairs};
use crate::domain::Language;

/// The query parameter with the number of times that the person has heard the first words.
const PLAYS: &str = "plays";

/// Returns the URL of the next request, after this many plays, from the signed URL of this one.
#[must_use]
pub fn inbound_url(signed_url: &str, language: &Language, plays: u32) -> String {
    let (url, _) = signed_url.split_once('?').unwrap_or((signed_url, ""));
    let is_kept = |name: &str| ![LANGUAGE, PLAYS, PRESSED, RETRY].contains(&name);
    let kept = query_pairs(signed_url);
    let kept = kept.iter().filter(|(name, _)| is_kept(name));
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(kept)
        .append_pair(LANGUAGE, language.as_str())
        .append_pair(PLAYS, &plays.to_string())
        .finish();
    format!("{url}?{query}{STEP_OVERRIDES}")
}

/// The number of plays in a signed URL. A malformed one counts as the highest, so that no call goes on for ever.
#[must_use]
pub fn inbound_plays(signed_url: &str) -> u32 {
    let pairs = query_pairs(signed_url);
    let plays = pairs.iter().find(|(name, _)| name == PLAYS);
    plays.map_or(0, |(_, plays)| plays.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_url_keeps_the_operators_parameters_and_replaces_ours() {
        let spanish: Language = "es-MX".parse().unwrap();
        let url = "https://example.com/twilio/inbound";
        let first = inbound_url(&format!("{url}?team=a%26b"), &spanish, 1);
        let expected = format!("{url}?team=a%26b&lang=es-MX&plays=1{STEP_OVERRIDES}");
        assert_eq!(first, expected);
        assert_eq!(inbound_plays(&first), 1);
        let again = format!("{url}?team=a%26b&lang=es-MX&plays=1&retry=2&pressed=9");
        let second = inbound_url(&again, &spanish, 2);
        let expected = format!("{url}?team=a%26b&lang=es-MX&plays=2{STEP_OVERRIDES}");
        assert_eq!(second, expected);
        assert_eq!(inbound_plays(url), 0);
        assert_eq!(inbound_plays(&format!("{url}?plays=-1")), u32::MAX);
    }
}
