//! The webhook URLs that Twilio gets with a call: with its `call_id`, marks for retries, and connection overrides.

use crate::domain::{CallId, Language, LegEnd, Place};

/// Connection overrides in the fragment, which Twilio does not sign: two retries after any failure, each within 6.5 s, all within
/// Twilio's 15 s.
const OVERRIDES: &str = "#rc=3&rp=all&ct=2000&rt=6500&tt=15000";

/// The overrides of a URL in steps, where a person waits in silence: one retry if the connection fails, all within 9 s.
const STEP_OVERRIDES: &str = "#rc=1&ct=1500&rt=4000&tt=9000";

/// The query parameter of the fallback URL.
const FALLBACK: &str = "fallback";
/// The query parameter that counts a voice request's redirects to its own URL.
const RETRY: &str = "retry";
/// The query parameter with the keys of the request before a redirect, which does not repeat them.
pub const PRESSED: &str = "pressed";

/// The query parameter with the language of the call, for requests that the database does not answer.
pub const LANGUAGE: &str = "lang";

/// Returns the webhook's URL for a call. The URL itself stays verbatim, because Twilio signs it.
pub(super) fn callback(url: &str, call_id: CallId) -> String {
    with_pair(url, &format!("call_id={call_id}"))
}

/// Returns the voice URL of a call with a script.
pub(super) fn voice(url: &str, call_id: CallId, language: &Language) -> String {
    with_pair(url, &of_call(call_id, language))
}

/// Returns the voice URL of a call with steps: [`voice`], at their start.
pub(super) fn first_step(voice_url: &str, call_id: CallId, language: &Language) -> String {
    let (call, place) = (of_call(call_id, language), encoded(&Place::Start));
    in_steps(&with_pair(voice_url, &format!("{call}&{place}")))
}

/// The parameters that no later URL of the call changes.
fn of_call(call_id: CallId, language: &Language) -> String {
    // A language has no character that a query escapes.
    format!("call_id={call_id}&{LANGUAGE}={}", language.as_str())
}

/// Returns the URL of another place in the steps, from the signed URL of a voice request.
#[must_use]
pub fn step_url(signed_url: &str, place: &Place) -> String {
    let (url, query) = signed_url.split_once('?').unwrap_or((signed_url, ""));
    let is_kept = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !name.is_empty()
            && ![RETRY, FALLBACK, PRESSED].contains(&name)
            && !Place::PARAMETERS.contains(&name)
    };
    let kept: String = query
        .split('&')
        .filter(is_kept)
        .flat_map(|pair| [pair, "&"])
        .collect();
    format!("{url}?{kept}{}{STEP_OVERRIDES}", encoded(place))
}

/// [`voice_retry`] for a request that has brought keys, which the redirect would lose.
#[must_use]
pub fn step_retry(signed_url: &str, keys: Option<&str>) -> Option<String> {
    retry_with(signed_url, PRESSED, keys)
}

/// [`voice_retry`] for a request that has brought the end of a transfer's leg, which the redirect would lose.
#[must_use]
pub fn transfer_retry(signed_url: &str, end: &LegEnd) -> Option<String> {
    retry_with(signed_url, LegEnd::PARAMETER, Some(&end.to_text()))
}

/// [`voice_retry`] with another parameter, if the URL does not have it yet.
fn retry_with(signed_url: &str, name: &str, value: Option<&str>) -> Option<String> {
    let retry = in_steps(&voice_retry(signed_url)?);
    let value = value.filter(|_| !retry.contains(&format!("&{name}=")));
    let Some((value, (url, overrides))) = value.zip(retry.split_once('#')) else {
        return Some(retry);
    };
    let pair = form_urlencoded::Serializer::new(String::new())
        .append_pair(name, value)
        .finish();
    Some(format!("{url}&{pair}#{overrides}"))
}

/// The URL with the overrides of URLs in steps.
fn in_steps(url: &str) -> String {
    let url = url.split('#').next().unwrap_or_default();
    format!("{url}{STEP_OVERRIDES}")
}

fn encoded(place: &Place) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(place.pairs())
        .finish()
}

/// Returns the URL that Twilio requests if the voice URL fails.
pub(super) fn fallback(voice_url: &str, call_id: CallId, language: &Language) -> String {
    let call = of_call(call_id, language);
    with_pair(voice_url, &format!("{call}&{FALLBACK}=1"))
}

fn with_pair(url: &str, pair: &str) -> String {
    let url = url.split_once('#').map_or(url, |(url, _)| url);
    let separator = match url.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{url}{separator}{pair}{OVERRIDES}")
}

/// Returns the URL to redirect a voice request to: its own signed URL, with `retry` incremented.
///
/// `None` after three retries, at the fallback URL, and if `retry` is not a value that this function writes.
#[must_use]
pub fn voice_retry(signed_url: &str) -> Option<String> {
    let (url, query) = signed_url.split_once('?').unwrap_or((signed_url, ""));
    let mut retry = 1;
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        retry = match (name, value, retry) {
            (RETRY, "1", 1) => 2,
            (RETRY, "2", 1) => 3,
            (RETRY | FALLBACK, ..) => return None,
            _ => {
                pairs.push(pair);
                retry
            }
        };
    }
    let url = format!("{url}?{}", pairs.join("&"));
    Some(with_pair(&url, &format!("{RETRY}={retry}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://example.com/twilio/voice";

    fn spanish() -> Language {
        "es-MX".parse().unwrap()
    }

    #[test]
    fn url_has_at_most_three_retries() {
        let mut url = format!("{URL}?call_id=1b4e&x=a+b%20c");
        for retry in 1..=3 {
            let next = voice_retry(&url).unwrap();
            assert_eq!(
                next,
                format!("{URL}?call_id=1b4e&x=a+b%20c&retry={retry}{OVERRIDES}")
            );
            url = next.split_once('#').unwrap().0.to_owned();
        }
        assert_eq!(voice_retry(&url), None);
    }

    #[test]
    fn call_with_steps_begins_at_their_start() {
        let id = CallId::generate();
        let url = first_step(URL, id, &spanish());
        assert_eq!(
            url,
            format!("{URL}?call_id={id}&lang=es-MX&step=start{STEP_OVERRIDES}")
        );
    }

    #[test]
    fn url_without_a_query_can_be_retried() {
        for url in [URL, "https://example.com/twilio/voice?"] {
            let expected = format!("{URL}?retry=1{OVERRIDES}");
            assert_eq!(voice_retry(url).as_deref(), Some(&*expected));
        }
    }

    #[test]
    fn any_other_retry_value_counts_as_exhausted() {
        for value in [
            "=0",
            "=3",
            "=4",
            "=-1",
            "=+1",
            "=01",
            "=1.0",
            "=99999999999",
            "=",
            "",
            "=%31",
            "=one",
            "=1&retry=1",
            "=1&retry=2",
            "=2&retry=1",
            "=2&retry=2",
        ] {
            let url = format!("{URL}?call_id=1b4e&retry{value}");
            assert_eq!(voice_retry(&url), None, "{url}");
        }
    }

    #[test]
    fn fallback_url_is_never_retried() {
        let id = CallId::generate();
        let url = fallback(URL, id, &spanish());
        assert_eq!(
            url,
            format!("{URL}?call_id={id}&lang=es-MX&fallback=1{OVERRIDES}")
        );
        assert_eq!(voice_retry(url.split_once('#').unwrap().0), None);
        assert_eq!(voice_retry(&format!("{URL}?retry=1&fallback=1")), None);
    }
}
