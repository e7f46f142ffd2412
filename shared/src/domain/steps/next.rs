//! The next document of a call with steps: at its start, after keys, after silence.

use super::{
    Ask, AskPlace, Keys, LegMoment, Place, Prompt, StepId, Steps, Stretch, Then, TransferLeg,
    TransferPlace,
};

/// The content of one document of TwiML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playing<'a> {
    /// The prompts, in this order.
    pub says: Vec<&'a Prompt>,
    /// The ask at its end, which includes its question in `says`. `None`: the call ends, or a transfer follows.
    pub asking: Option<Asking<'a>>,
    /// The transfer that follows.
    pub transfer: Option<&'a StepId>,
    /// The number of steps that have been played to their end if no key cuts this off. `None`: a key has cut something off
    /// before, or may have.
    pub played: Option<usize>,
}

/// One play of an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking<'a> {
    /// The ask.
    pub ask: &'a Ask,
    place: AskPlace,
}

impl Asking<'_> {
    /// The place if the person presses keys.
    #[must_use]
    pub fn with_keys(&self) -> Place {
        Place::Ask(AskPlace {
            keys: match &self.ask.keys {
                Keys::Options(options) => Some(options.keys().map(String::as_str).collect()),
                Keys::Digits(_) => None,
            },
            ..self.place.clone()
        })
    }

    /// The place if the person presses no key.
    fn silent(&self, played: Option<usize>) -> Place {
        // A bare `#` ends an ask for several digits as silence does, and may have cut it off.
        let played = played.filter(|_| self.ask.most_digits() == 1);
        Place::Ask(AskPlace {
            played,
            ..self.place.clone()
        })
    }
}

impl Playing<'_> {
    /// The place after everything was said, and no key was pressed.
    #[must_use]
    pub fn at_end(&self) -> Place {
        match (&self.asking, self.transfer) {
            (Some(asking), _) => asking.silent(self.played),
            (None, Some(step)) => Place::Transfer(TransferPlace {
                step: step.clone(),
                moment: LegMoment::Dial,
                played: self.played,
                end: None,
            }),
            (None, None) => Place::End(self.played.is_some()),
        }
    }
}

impl Ask {
    /// The most digits of an answer.
    #[must_use]
    pub fn most_digits(&self) -> u32 {
        match self.keys {
            Keys::Options(_) => 1,
            Keys::Digits(most) => most,
        }
    }
}

impl Steps {
    /// Returns the first document.
    #[must_use]
    pub fn first(&self) -> Playing<'_> {
        self.play(None, 0, true)
    }

    /// Returns the document after keys at an ask, or `None` if there is no such ask.
    #[must_use]
    pub fn after_keys(&self, place: &AskPlace, digits: &str) -> Option<Playing<'_>> {
        let (index, ask) = self.ask(place.step.as_str())?;
        if ask.accepts(digits) {
            return Some(match ask.option(digits) {
                Some(then) => self.follow(index, then, false),
                None => self.play(None, index + 1, false),
            });
        }
        if place.is_last(Some(digits)) {
            return Some(self.follow(index, &ask.no_input, false));
        }
        let repeats = u32::from(digits == Ask::REPEAT_KEY);
        let says = self
            .stretch(place.from)
            .says
            .into_iter()
            .chain([&ask.prompt]);
        let next = AskPlace {
            nth: place.nth + 1 - repeats,
            repeats: place.repeats + repeats,
            ..place.clone()
        };
        Some(repeat(says.collect(), ask, next, None))
    }

    /// Returns the document after silence at an ask, or `None` if there is no such ask.
    #[must_use]
    pub fn after_silence(&self, place: &AskPlace) -> Option<Playing<'_>> {
        let (index, ask) = self.ask(place.step.as_str())?;
        if place.is_last(None) {
            return Some(self.follow(index, &ask.no_input, place.played.is_some()));
        }
        let next = AskPlace {
            nth: place.nth + 1,
            ..place.clone()
        };
        Some(repeat(vec![&ask.prompt], ask, next, place.played))
    }

    /// Returns the document after the end of a leg, or `None` if there is no such transfer. After a connection, the call ends.
    #[must_use]
    pub fn after_transfer(&self, place: &TransferPlace, leg: &TransferLeg) -> Option<Playing<'_>> {
        let (index, transfer) = self.transfer(&place.step)?;
        let is_whole = place.played.is_some();
        Some(if leg.was_connected() {
            self.play(None, self.0.len(), is_whole)
        } else {
            self.follow(index, &transfer.failed, is_whole)
        })
    }

    fn follow<'a>(&'a self, index: usize, then: &'a Then, is_whole: bool) -> Playing<'a> {
        self.play(then.say.as_ref(), self.after(index, then), is_whole)
    }

    fn play<'a>(&'a self, first: Option<&'a Prompt>, from: usize, is_whole: bool) -> Playing<'a> {
        let Stretch {
            says,
            ask,
            transfer,
            until,
            ..
        } = self.stretch(from);
        let question = ask.map(|(_, ask)| &ask.prompt);
        Playing {
            says: first.into_iter().chain(says).chain(question).collect(),
            asking: ask.map(|(id, ask)| Asking {
                ask,
                place: first_play(id, ask, from),
            }),
            transfer,
            played: is_whole.then_some(until),
        }
    }
}

fn first_play(id: &StepId, ask: &Ask, from: usize) -> AskPlace {
    AskPlace {
        step: id.clone(),
        nth: 1,
        tries: ask.tries,
        repeats: 0,
        from,
        keys: None,
        played: None,
    }
}

fn repeat<'a>(
    says: Vec<&'a Prompt>,
    ask: &'a Ask,
    place: AskPlace,
    played: Option<usize>,
) -> Playing<'a> {
    let place = AskPlace {
        keys: None,
        played: None,
        ..place
    };
    Playing {
        says,
        asking: Some(Asking { ask, place }),
        transfer: None,
        played,
    }
}
