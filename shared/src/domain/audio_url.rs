//! URLs of audio that Twilio plays, and the hosts that may serve it.

use std::{fmt, str::FromStr};

use bson::DateTime;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{InvalidValue, from_json_string};

/// The URL of audio: https, a host with a name and the standard port, no credentials and no fragment. It is normalized.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AudioUrl(String);

const MAX_BYTES: usize = 2_000;
/// The parameters of signed URLs whose start and length are apart: of S3, and of Google's storage.
const SIGNED: [(&str, &str); 2] = [
    ("X-Amz-Date", "X-Amz-Expires"),
    ("X-Goog-Date", "X-Goog-Expires"),
];
/// The parameter of signed URLs with the end in Unix seconds: of Amazon's CDN, and of older versions of the others.
const EXPIRES: &str = "Expires";

impl AudioUrl {
    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the host, in lower case.
    #[must_use]
    pub fn host(&self) -> String {
        let url = Url::parse(&self.0).ok();
        let host = url.as_ref().and_then(Url::host_str);
        host.unwrap_or_default().to_owned()
    }

    /// Returns when a signed URL ends, or `None` if it is not signed.
    ///
    /// # Errors
    ///
    /// If the end of a signed URL can't be read.
    pub fn ends_at(&self) -> Result<Option<DateTime>, InvalidValue> {
        let Ok(url) = Url::parse(&self.0) else {
            return Ok(None);
        };
        let unreadable = |name: &str| {
            InvalidValue::new(format!(
                "is signed, and its {name} can't be read: it must have one valid {name}"
            ))
        };
        for (date, seconds) in SIGNED {
            let (from, length) = (values(&url, date), values(&url, seconds));
            if from.is_empty() && length.is_empty() {
                continue;
            }
            let ([from], [length]) = (&from[..], &length[..]) else {
                return Err(unreadable(seconds));
            };
            let from = basic_time(from).ok_or_else(|| unreadable(date))?;
            let length: u32 = length.parse().map_err(|_| unreadable(seconds))?;
            let millis = from.as_millisecond() + 1_000 * i64::from(length);
            return Ok(Some(DateTime::from_millis(millis)));
        }
        match &values(&url, EXPIRES)[..] {
            [] => Ok(None),
            [seconds] => {
                let seconds: u32 = seconds.parse().map_err(|_| unreadable(EXPIRES))?;
                Ok(Some(DateTime::from_millis(1_000 * i64::from(seconds))))
            }
            _ => Err(unreadable(EXPIRES)),
        }
    }
}

/// The values of a query parameter, whose name may have any case.
fn values(url: &Url, name: &str) -> Vec<String> {
    let pairs = url.query_pairs();
    let named = pairs.filter(|(other, _)| other.eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.into_owned()).collect()
}

/// Reads a time such as `20261201T090000Z`.
fn basic_time(text: &str) -> Option<Timestamp> {
    let is_basic = text.len() == 16 && text.ends_with('Z');
    text.parse().ok().filter(|_| is_basic)
}

impl FromStr for AudioUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const FORM: &str = "must be an https URL such as https://media.example.com/hello.mp3, without credentials, port and fragment";
        if text.len() > MAX_BYTES {
            return Err(InvalidValue::new(format!(
                "must have at most {MAX_BYTES} characters"
            )));
        }
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        let url = Url::parse(text).ok().filter(|_| is_plain);
        let Some(url) = url else {
            return Err(InvalidValue::new(FORM));
        };
        let is_bare = url.username().is_empty() && url.password().is_none() && !text.contains('@');
        if url.scheme() != "https" || !is_bare || url.fragment().is_some() || url.port().is_some() {
            return Err(InvalidValue::new(FORM));
        }
        if !matches!(url.host(), Some(Host::Domain(_))) {
            return Err(InvalidValue::new(
                "must have the name of a host, not an IP address",
            ));
        }
        Ok(Self(url.into()))
    }
}

/// Shows the host only: a signed URL is a secret.
impl fmt::Debug for AudioUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AudioUrl({})", self.host())
    }
}

from_json_string!(AudioUrl);

/// `AUDIO_HOSTS`: the hosts that may serve audio.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AudioHosts(Vec<String>);

impl AudioHosts {
    /// Returns whether the list has the host: by its name, or by `*.` and one of its parent domains.
    #[must_use]
    pub fn contain(&self, host: &str) -> bool {
        self.0.iter().any(|entry| match entry.strip_prefix('*') {
            None => entry == host,
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        })
    }

    /// Returns whether there is no host.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for AudioHosts {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let host = |entry: &str| {
            let entry = entry.trim().to_ascii_lowercase();
            let name = entry.strip_prefix("*.").unwrap_or(&entry);
            let is_name = matches!(Host::parse(name), Ok(Host::Domain(read)) if read == name);
            let is_valid =
                is_name && name.contains('.') && !name.ends_with('.') && !name.contains('*');
            is_valid.then_some(entry).ok_or_else(|| {
                InvalidValue::new("must be names of hosts, such as media.example.com,*.example.org")
            })
        };
        text.split(',')
            .map(host)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl fmt::Display for AudioHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AudioUrl, InvalidValue> {
        text.parse()
    }

    #[test]
    fn audio_is_on_https_and_a_named_host_without_tricks() {
        for (text, normal) in [
            ("https://a.example.com/b.mp3", "https://a.example.com/b.mp3"),
            ("HTTPS://A.Example.com:443", "https://a.example.com/"),
            (
                "https://a.example.com/x/../b?c=d%20e",
                "https://a.example.com/b?c=d%20e",
            ),
        ] {
            assert_eq!(read(text).unwrap().as_str(), normal);
        }
        let long = format!("https://a.example.com/{}", "b".repeat(2_000));
        for bad in [
            "",
            "a.mp3",
            "//a.example.com/b.mp3",
            "http://a.example.com/b.mp3",
            "file:///etc/passwd",
            "data:audio/wav;base64,AAAA",
            "https://user@a.example.com/b.mp3",
            "https://user:secret@a.example.com/b.mp3",
            "https://@a.example.com/b.mp3",
            "https://a.example.com/b.mp3#rc=5",
            "https://a.example.com/b.mp3#",
            "https://a.example.com:8443/b.mp3",
            "https:\\\\a.example.com/b.mp3",
            "https://a.example.com\\@evil.example/b.mp3",
            "https://a.exam\nple.com/b.mp3",
            " https://a.example.com/b.mp3",
            "https://a.example.com/b c.mp3",
            "https://ä.example.com/b.mp3",
            "https://127.0.0.1/b.mp3",
            "https://2130706433/b.mp3",
            "https://0x7f.1/b.mp3",
            "https://[::1]/b.mp3",
            &long,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn signed_url_has_an_end() {
        let end = |query: &str| {
            read(&format!("https://a.example.com/b?{query}"))
                .unwrap()
                .ends_at()
        };
        let at = |text: &str| Ok(Some(DateTime::parse_rfc3339_str(text).unwrap()));
        assert_eq!(end("a=b"), Ok(None));
        for query in [
            "X-Amz-Date=20261201T090000Z&X-Amz-Expires=3600&X-Amz-Signature=1",
            "x-goog-expires=3600&X-Goog-Date=20261201T090000Z",
            "Expires=1796119200&Signature=1&Key-Pair-Id=2",
        ] {
            assert_eq!(end(query), at("2026-12-01T10:00:00Z"), "{query}");
        }
        for query in [
            "X-Amz-Date=20261201T090000Z",
            "X-Amz-Expires=3600",
            "X-Amz-Date=yesterday&X-Amz-Expires=3600",
            "X-Amz-Date=20261201T090000Z&X-Amz-Expires=-1",
            "X-Amz-Date=20261201T090000Z&X-Amz-Expires=1&X-Amz-Expires=2",
            "Expires=never",
            "Expires=1&Expires=2",
        ] {
            assert!(end(query).is_err(), "{query}");
        }
    }

    #[test]
    fn hosts_are_names_or_all_names_below_a_domain() {
        let hosts: AudioHosts = "Media.example.com, *.example.org".parse().unwrap();
        for host in ["media.example.com", "a.example.org", "a.b.example.org"] {
            assert!(hosts.contain(host), "{host}");
        }
        for host in [
            "example.com",
            "a.media.example.com",
            "example.org",
            "badexample.org",
            "media.example.com.",
            "",
        ] {
            assert!(!hosts.contain(host), "{host}");
        }
        for bad in [
            "",
            "*",
            "*.com",
            "com",
            "a.example.com,",
            "https://a.example.com",
            "a.*.com",
            "10.0.0.1",
            "a.example.com:443",
            "*.*.com",
        ] {
            assert!(bad.parse::<AudioHosts>().is_err(), "{bad}");
        }
        assert!(!AudioHosts::default().contain("a.example.com"));
    }
}
