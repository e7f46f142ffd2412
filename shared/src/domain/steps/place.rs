//! The place of a call in its steps. The URLs that Twilio requests carry it, so that `voice` knows it without the database.

use super::{
    Ask, Steps,
    leg_place::{DIALLED, LEG, LegEnd, LegMoment, TransferPlace},
    names::StepId,
};

/// The place of a call in its steps: query parameters of a voice URL that Twilio signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The person has just answered the phone.
    Start,
    /// An ask has ended, with keys or without.
    Ask(AskPlace),
    /// The person has pressed a key while words were said that ask nothing.
    Said(SaidPlace),
    /// A transfer.
    Transfer(TransferPlace),
    /// Nothing is left to say. True if everything before was certainly played to its end.
    End(bool),
    /// Everything was said, and it is not known yet whether a machine answered. The number of such requests before this one.
    Hold(u32),
    /// A machine records.
    Voicemail,
    /// A machine has recorded the message to its end.
    VoicemailDone,
    /// A later version of this service wrote the URL.
    Unknown,
}

/// A play of words that ask nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaidPlace {
    /// The place of the first step that was said.
    pub from: usize,
    /// Number of times that it was said before.
    pub repeats: u32,
}

/// A play of an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskPlace {
    /// The ask.
    pub step: StepId,
    /// Number of the try, from 1.
    pub nth: u32,
    /// The most tries of the ask.
    pub tries: u32,
    /// Number of times that the person asked to hear it again.
    pub repeats: u32,
    /// The place of the first step that was said with it.
    pub from: usize,
    /// The keys that are options. `None`: the ask takes digits.
    pub keys: Option<String>,
    /// Those of them that ask for no further calls.
    pub blocks: String,
    /// The number of steps that were certainly played to their end, if no key was pressed. `None`: unknown.
    pub played: Option<usize>,
}

/// The query parameters that [`Place::pairs`] writes.
const STEP: &str = "step";
const TRY: &str = "try";
const TRIES: &str = "tries";
const REPEATS: &str = "repeats";
const FROM: &str = "from";
const KEYS: &str = "keys";
const BLOCKS: &str = "blocks";
const PLAYED: &str = "end";
const HELD: &str = "held";

const HOLD: &str = "hold";
const VOICEMAIL: &str = "voicemail";
const VOICEMAIL_DONE: &str = "voicemail_done";
/// The `step` of [`Place::Said`]. No id starts with an underscore.
const SAID: &str = "_said";

impl Place {
    /// The names of the query parameters of a place.
    pub const PARAMETERS: [&str; 11] = [
        STEP, TRY, TRIES, REPEATS, FROM, KEYS, BLOCKS, PLAYED, LEG, DIALLED, HELD,
    ];

    /// The query parameters.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Start => vec![(STEP, "start".to_owned())],
            Self::Ask(ask) => ask.pairs(),
            Self::Said(said) => vec![
                (STEP, SAID.to_owned()),
                (REPEATS, said.repeats.to_string()),
                (FROM, said.from.to_string()),
            ],
            Self::Transfer(place) => {
                let step = (STEP, place.step.to_string());
                let moment = (LEG, place.moment.as_str().to_owned());
                let played = place.played.map(|steps| (PLAYED, steps.to_string()));
                let end = place.end.as_ref().map(|end| (DIALLED, end.to_text()));
                let pairs = [step, moment].into_iter().chain(played).chain(end);
                pairs.collect()
            }
            Self::End(is_whole) => {
                let step = (STEP, Steps::END.to_owned());
                let played = is_whole.then(|| (PLAYED, "1".to_owned()));
                [step].into_iter().chain(played).collect()
            }
            Self::Hold(held) => vec![(STEP, HOLD.to_owned()), (HELD, held.to_string())],
            Self::Voicemail => vec![(STEP, VOICEMAIL.to_owned())],
            Self::VoicemailDone => vec![(STEP, VOICEMAIL_DONE.to_owned())],
            Self::Unknown => vec![(STEP, String::new())],
        }
    }

    /// Returns true if nothing is left to say to a person. If something fails here, the call ends without a word.
    #[must_use]
    pub fn is_after_last_word(&self) -> bool {
        match self {
            Self::End(_) | Self::Hold(_) | Self::Voicemail | Self::VoicemailDone => true,
            Self::Start | Self::Ask(_) | Self::Said(_) | Self::Transfer(_) | Self::Unknown => false,
        }
    }

    /// Reads the place from decoded query parameters. `None` if there is none.
    #[must_use]
    pub fn of_pairs(pairs: &[(String, String)]) -> Option<Self> {
        let find = |name: &str| {
            let found = pairs.iter().find(|(other, _)| other == name);
            found.map(|(_, value)| value.as_str())
        };
        Some(match find(STEP)? {
            "start" => Self::Start,
            Steps::END => Self::End(find(PLAYED).is_some()),
            HOLD => {
                let held = find(HELD).and_then(|held| held.parse().ok());
                held.map_or(Self::Unknown, Self::Hold)
            }
            VOICEMAIL => Self::Voicemail,
            VOICEMAIL_DONE => Self::VoicemailDone,
            SAID => SaidPlace::read(find).map_or(Self::Unknown, Self::Said),
            step => match find(LEG) {
                Some(moment) => transfer(step, moment, find).map_or(Self::Unknown, Self::Transfer),
                None => AskPlace::read(step, find).map_or(Self::Unknown, Self::Ask),
            },
        })
    }
}

impl SaidPlace {
    /// Returns true if the words are not said again.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.repeats.saturating_add(1) >= AskPlace::MAX_PLAYS
    }

    fn read<'a>(find: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            from: find(FROM)?.parse().ok()?,
            repeats: find(REPEATS)?.parse().ok()?,
        })
    }
}

impl AskPlace {
    /// The most plays of an ask: tries and repeats together.
    pub(super) const MAX_PLAYS: u32 = 5;

    /// Returns true if the ask is not played again without an answer. The key that repeats it uses up no try.
    #[must_use]
    pub fn is_last(&self, keys: Option<&str>) -> bool {
        let uses_try = keys != Some(Ask::REPEAT_KEY);
        let plays = self.nth.saturating_add(self.repeats);
        (uses_try && self.nth >= self.tries) || plays >= Self::MAX_PLAYS
    }

    /// Returns true if the keys choose an option that asks for no further calls.
    #[must_use]
    pub fn blocks(&self, digits: &str) -> bool {
        self.option(digits)
            .is_some_and(|key| self.blocks.contains(key))
    }

    /// The option that the keys choose.
    #[must_use]
    pub fn option<'a>(&self, digits: &'a str) -> Option<&'a str> {
        let is_key = |keys: &String| digits.len() == 1 && keys.contains(digits);
        self.keys
            .as_ref()
            .filter(|keys| is_key(keys))
            .map(|_| digits)
    }

    /// Returns the keys without the `#` that ends an answer of several digits.
    #[must_use]
    pub fn without_finishing_key<'a>(&self, digits: &'a str) -> &'a str {
        let shorter = digits.strip_suffix('#').filter(|keys| !keys.is_empty());
        shorter.filter(|_| self.keys.is_none()).unwrap_or(digits)
    }

    /// Returns true if the keys may be an answer, as far as the place knows.
    #[must_use]
    pub fn accepts(&self, digits: &str) -> bool {
        match &self.keys {
            Some(_) => self.option(digits).is_some(),
            None => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()),
        }
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![
            (STEP, self.step.to_string()),
            (TRY, self.nth.to_string()),
            (TRIES, self.tries.to_string()),
            (REPEATS, self.repeats.to_string()),
            (FROM, self.from.to_string()),
        ];
        pairs.extend(self.keys.clone().map(|keys| (KEYS, keys)));
        let blocks = Some(self.blocks.clone()).filter(|keys| !keys.is_empty());
        pairs.extend(blocks.map(|keys| (BLOCKS, keys)));
        pairs.extend(self.played.map(|steps| (PLAYED, steps.to_string())));
        pairs
    }

    fn read<'a>(step: &str, find: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let number = |name| find(name)?.parse().ok();
        Some(Self {
            step: own_step(step)?,
            nth: number(TRY)?,
            tries: number(TRIES)?,
            repeats: number(REPEATS)?.min(Self::MAX_PLAYS),
            from: find(FROM)?.parse().ok()?,
            keys: find(KEYS).map(str::to_owned),
            blocks: find(BLOCKS).unwrap_or_default().to_owned(),
            played: find(PLAYED).and_then(|steps| steps.parse().ok()),
        })
    }
}

/// The id of a step, which is none of the places with names of their own.
fn own_step(text: &str) -> Option<StepId> {
    let step: StepId = text.parse().ok()?;
    (!Steps::RESERVED_IDS.contains(&step.as_str())).then_some(step)
}

fn transfer<'a>(
    step: &str,
    moment: &str,
    find: impl Fn(&str) -> Option<&'a str>,
) -> Option<TransferPlace> {
    Some(TransferPlace {
        step: own_step(step)?,
        moment: LegMoment::of(moment)?,
        played: find(PLAYED).and_then(|steps| steps.parse().ok()),
        end: find(DIALLED).and_then(LegEnd::of_text),
    })
}
