//! The webhook URLs that Twilio gets with a call: with its `call_id`, marks for retries, and connection overrides.

use bson::DateTime;

use super::signature::form_pairs;
use crate::domain::{CallId, Language, LegEnd, OptOutKey, Place};

/// Connection overrides in the fragment, which Twilio does not sign: two retries after any failure, each within 6.5 s, all within
/// Twilio's 15 s.
const OVERRIDES: &str = "#rc=3&rp=all&ct=2000&rt=6500&tt=15000";

/// The overrides of a URL in steps, where a person waits in silence: one retry if the connection fails, all within 9 s.
pub(super) const STEP_OVERRIDES: &str = "#rc=1&ct=1500&rt=4000&tt=9000";

/// The query parameter of the fallback URL.
const FALLBACK: &str = "fallback";
/// The query parameter that counts a voice request's redirects to its own URL.
pub const RETRY: &str = "retry";
/// The query parameter with the time of the answer: seconds since 1970, UTC.
const ANSWERED: &str = "answered_at";
/// The query parameter with the keys of the request before a redirect, which does not repeat them.
pub const PRESSED: &str = "pressed";

/// The query parameter with the language of the call, for requests that the database does not answer.
pub const LANGUAGE: &str = "lang";

/// The query parameter with the key that asks for no further calls.
const OPT_OUT: &str = "opt_out";

/// The decoded query parameters of a URL.
#[must_use]
pub fn query_pairs(url: &str) -> Vec<(String, String)> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let query = query.split('#').next().unwrap_or_default();
    form_pairs(query.as_bytes()).into_owned().collect()
}

/// Returns the signed URL with the key that asks for no further calls. Later URLs of the call keep it.
#[must_use]
pub fn with_opt_out(signed_url: &str, key: OptOutKey) -> String {
    let separator = if signed_url.contains('?') { '&' } else { '?' };
    format!("{signed_url}{separator}{OPT_OUT}={key}")
}

/// The key in the URL that asks for no further calls.
#[must_use]
pub fn opt_out_key(signed_url: &str) -> Option<OptOutKey> {
    let (_, query) = signed_url.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, key) = pairs.find(|(name, _)| *name == OPT_OUT)?;
    key.parse().ok()
}
/// The query parameter of a call whose audio could not be played: the words are spoken instead.
const WITHOUT_AUDIO: &str = "audio=0";

/// Returns the webhook's URL for a call. The URL itself stays verbatim, because Twilio signs it.
pub(super) fn callback(url: &str, call_id: CallId) -> String {
    with_pair(url, &format!("call_id={call_id}"))
}

/// Returns the voice URL of a call with a script, or the URL of the function `fallback` for a call.
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

/// Returns the URL of a place in a call, for a change of the live call.
#[must_use]
pub fn live_step(
    voice_url: &str,
    call_id: CallId,
    language: Option<&Language>,
    place: &Place,
) -> String {
    let url = match language {
        Some(language) => voice(voice_url, call_id, language),
        None => callback(voice_url, call_id),
    };
    let url = url.split_once('#').map_or(url.as_str(), |(url, _)| url);
    step_url(url, place)
}

/// Returns the signed URL with the time of the answer, if it has none. The URLs of later steps keep it.
#[must_use]
pub fn with_answer_time(signed_url: &str) -> String {
    if answer_time(signed_url).is_some() {
        return signed_url.to_owned();
    }
    let separator = if signed_url.contains('?') { '&' } else { '?' };
    let at = DateTime::now().timestamp_millis() / 1_000;
    format!("{signed_url}{separator}{ANSWERED}={at}")
}

/// The time of the answer in a signed URL, in whole seconds.
#[must_use]
pub fn answer_time(signed_url: &str) -> Option<DateTime> {
    let (_, query) = signed_url.split_once('?')?;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, seconds) = pairs.into_iter().find(|(name, _)| *name == ANSWERED)?;
    let seconds: i64 = seconds.parse().ok()?;
    Some(DateTime::from_millis(seconds.checked_mul(1_000)?))
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

/// Returns a signed URL with the mark that the words are spoken instead of audio. All later URLs keep it.
#[must_use]
pub fn without_audio(signed_url: &str) -> String {
    if !plays_audio(signed_url) {
        return signed_url.to_owned();
    }
    let url = with_pair(signed_url, WITHOUT_AUDIO);
    let url = url.split_once('#').map_or(url.as_str(), |(url, _)| url);
    url.to_owned()
}

/// Returns false if the URL has the mark of [`without_audio`].
#[must_use]
pub fn plays_audio(url: &str) -> bool {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let query = query.split('#').next().unwrap_or_default();
    !query.split('&').any(|pair| pair == WITHOUT_AUDIO)
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
    fn mark_without_audio_stays_in_later_urls() {
        assert!(plays_audio(&format!("{URL}?call_id=1b4e&step=a")));
        let marked = without_audio(&format!("{URL}?call_id=1b4e&fallback=1"));
        assert!(!plays_audio(&marked));
        assert_eq!(without_audio(&marked), marked);
        let next = step_url(&marked, &Place::End(true));
        assert_eq!(
            next,
            format!("{URL}?call_id=1b4e&audio=0&step=end&end=1{STEP_OVERRIDES}")
        );
        assert!(!plays_audio(&next));
        assert!(!plays_audio(&without_audio(URL)));
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
