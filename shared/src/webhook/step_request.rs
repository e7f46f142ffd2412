//! A request of a call with steps: its place in them, the keys, and what it says about a transfer.

use crate::{
    domain::{CallId, CallSid, LegEnd, LegMoment, Place, TransferPlace},
    twilio::{self, PRESSED, form_pairs, opt_out_key, query_pairs},
};

/// A request at a place of a call's steps.
#[derive(Debug)]
pub struct StepRequest {
    /// The place.
    pub place: Place,
    /// The keys, which a redirect to the same place carries in its URL.
    pub keys: Option<String>,
    /// True if the keys ask for no further calls.
    pub opts_out: bool,
    /// True if it is a redirect to the same place.
    pub is_retry: bool,
    /// The call.
    pub call_id: CallId,
    /// The URL with the place.
    pub url: String,
    /// What the request says about a transfer.
    pub leg: LegForm,
}

impl StepRequest {
    /// Reads a URL and a form that Twilio signed. `None` if the URL has no place, or names no call.
    #[must_use]
    pub fn of(url: &str, body: &[u8]) -> Option<Self> {
        // Twilio may name a URL that failed with its connection overrides.
        let url = url.split('#').next().unwrap_or_default();
        let pairs = query_pairs(url);
        let find = |name: &str| {
            let found = pairs.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| value.as_str())
        };
        let digits = form_pairs(body).find(|(name, _)| name == "Digits");
        let keys = digits
            .map(|(_, digits)| digits.into_owned())
            .or_else(|| find(PRESSED).map(str::to_owned));
        let leg = LegForm::of(body);
        let place = leg.completed(Place::of_pairs(&pairs)?);
        let keys = keys
            .filter(|keys| !keys.is_empty())
            .map(|keys| match &place {
                Place::Ask(ask) => ask.without_finishing_key(&keys).to_owned(),
                _ => keys,
            });
        let opts_out = keys.as_deref().is_some_and(|keys| match &place {
            // The other party of a transfer can't opt out.
            Place::Transfer(_) => false,
            Place::Ask(ask) if ask.blocks(keys) => true,
            _ => opt_out_key(url).is_some_and(|key| key.is(keys)),
        });
        Some(Self {
            place,
            keys,
            opts_out,
            is_retry: has_retry(&pairs),
            call_id: find("call_id")?.parse().ok()?,
            url: url.to_owned(),
            leg,
        })
    }

    /// Returns true if it is a repeated request for the first words.
    #[must_use]
    pub fn repeats_start(&self) -> bool {
        repeats_start(&self.url)
    }

    /// Returns true if the keys are an answer, as far as the URL knows.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        match (&self.place, &self.keys) {
            (Place::Ask(ask), Some(keys)) => ask.accepts(keys),
            _ => false,
        }
    }

    /// Returns true if the leg of a transfer makes the request, not the call.
    #[must_use]
    pub fn is_of_leg(&self) -> bool {
        matches!(&self.place, Place::Transfer(place) if place.moment.is_of_leg())
    }

    /// Returns true if the answer is a hang-up, whatever fails: nothing is left to say, or nobody hears it but the other party of a
    /// transfer.
    #[must_use]
    pub fn hangs_up(&self) -> bool {
        match &self.place {
            Place::Transfer(place) => self.is_of_leg() || place.was_connected() || self.leg.is_over,
            place => place.is_after_last_word(),
        }
    }
}

/// What Twilio's form says about a transfer.
#[derive(Debug)]
pub struct LegForm {
    /// The call that dialled the leg of the request.
    pub parent: Option<CallSid>,
    /// How the leg ended.
    end: Option<LegEnd>,
    /// True if the call has ended, so that nobody hears the answer.
    pub is_over: bool,
}

impl LegForm {
    fn of(body: &[u8]) -> Self {
        let fields: Vec<_> = form_pairs(body).into_owned().collect();
        let find = |name: &str| {
            let found = fields.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| value.as_str())
        };
        Self {
            parent: find("ParentCallSid").and_then(|sid| sid.parse().ok()),
            end: LegEnd::of_form(find),
            is_over: find("CallStatus") == Some("completed"),
        }
    }

    /// The place with the end of the leg from the form, if it has one.
    fn completed(&self, place: Place) -> Place {
        match (place, &self.end) {
            (Place::Transfer(place), Some(end)) if place.moment == LegMoment::Ended => {
                let end = Some(end.clone());
                Place::Transfer(TransferPlace { end, ..place })
            }
            (place, _) => place,
        }
    }
}

/// Returns true if the URL is that of a redirect to the start of the steps.
#[must_use]
pub fn repeats_start(url: &str) -> bool {
    let pairs = query_pairs(url);
    has_retry(&pairs) && Place::of_pairs(&pairs) == Some(Place::Start)
}

fn has_retry(pairs: &[(String, String)]) -> bool {
    pairs.iter().any(|(name, _)| name == twilio::RETRY)
}
