//! Attempts to deliver a webhook, and what the person pressed before a request for instructions.

use url::Url;

use crate::moment::Moment;

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, Default)]
pub struct Webhook {
    /// The call's `CallSid`.
    pub call_sid: String,
    /// The `call_id` in its URL.
    pub call_id: Option<String>,
    /// `voice`, `status`, `recording` or `amd`.
    pub kind: String,
    /// The status that it reports, or the result of machine detection.
    pub event: String,
    /// The HTTP status of the response, or `None` without a response.
    pub answer: Option<u16>,
    /// Its URL.
    pub url: String,
    /// When it ended.
    pub at: Moment,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
    /// The `SequenceNumber` of a status callback.
    pub sequence: Option<i64>,
    /// The `RecordingSid` of a recording callback.
    pub recording_sid: Option<String>,
    /// The keys of an ask in a voice request.
    pub keys: Option<Keys>,
    /// True if its keys ask for no further calls.
    pub opts_out: bool,
}

/// The keys that a person pressed, as a voice request reports them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The ask.
    pub step: String,
    /// Number of the try, from 1.
    pub nth: u32,
    /// The keys.
    pub digits: String,
}

impl Webhook {
    /// When it began.
    pub fn began(&self) -> Moment {
        self.at - Moment::try_from(self.elapsed_ms).unwrap_or_default()
    }

    /// Returns whether it was answered with success.
    pub fn is_answered(&self) -> bool {
        self.answer
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Returns the parameter of its URL.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(&self.url, name)
    }

    /// Reads the keys of a voice request from its URL and the form's `Digits`.
    pub fn with_digits(self, form: Option<&str>) -> Self {
        let Some(digits) = digits(&self.url, form) else {
            return self;
        };
        let keys = Keys::read(&self.url, Some(&digits));
        // The other party of a transfer can't opt out.
        let is_of_leg = self.parameter("leg").is_some();
        let is_blocking = keys.as_ref().is_some_and(|keys| {
            let blocks = self.parameter("blocks").unwrap_or_default();
            keys.digits.len() == 1 && blocks.contains(&keys.digits)
        });
        let is_key = self.parameter("opt_out").as_deref() == Some(digits.as_str());
        Self {
            opts_out: !is_of_leg && (is_key || is_blocking),
            keys,
            ..self
        }
    }
}

impl Keys {
    /// Reads them from the URL and the form's `Digits`. `None`: the request reports no keys of an ask.
    pub fn read(url: &str, form: Option<&str>) -> Option<Self> {
        let digits = digits(url, form)?;
        // An ask for several digits may bring the key that ends them.
        let digits = match digits.strip_suffix('#') {
            Some(shorter) if !shorter.is_empty() && parameter(url, "keys").is_none() => {
                shorter.to_owned()
            }
            _ => digits,
        };
        Some(Self {
            step: parameter(url, "step")?,
            nth: parameter(url, "try")?.parse().ok()?,
            digits,
        })
    }
}

/// The keys in the form. A redirect of the request carries them in its URL.
fn digits(url: &str, form: Option<&str>) -> Option<String> {
    let digits = form
        .map(str::to_owned)
        .or_else(|| parameter(url, "pressed"));
    digits.filter(|digits| !digits.is_empty())
}

/// Returns a parameter of a URL's query.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let mut pairs = url.query_pairs();
    pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}
