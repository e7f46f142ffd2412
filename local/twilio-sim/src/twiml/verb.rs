//! The verbs that a call executes.

use std::time::Duration;

/// One instruction.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Speaks.
    Say(Say),
    /// Waits.
    Pause(Duration),
    /// Plays audio or sends keys.
    Play(Play),
    /// Records what the called party says.
    Record(Record),
    /// Listens for keys or speech.
    Gather(Gather),
    /// Goes on with another document, the current one where no URL is given.
    Redirect(Action),
    /// Ends the call.
    Hangup,
    /// Ends the call too: an outbound one has been answered already.
    Reject,
}

/// A URL that a verb names.
#[derive(Clone, Debug)]
pub struct Action {
    /// Relative to the current document, which is meant itself where there is none.
    pub url: Option<String>,
    /// Whether it is asked with GET.
    pub get: bool,
}

/// What a Gather plays while it listens.
#[derive(Clone, Debug)]
pub enum Prompt {
    /// Speaks.
    Say(Say),
    /// Plays audio.
    Play(Play),
    /// Waits.
    Pause(Duration),
}

/// See [`Verb::Say`].
#[derive(Clone, Debug)]
pub struct Say {
    /// What is said, SSML marks removed.
    pub text: String,
    /// How long the breaks among it are.
    pub breaks: Duration,
    /// How many times; 0 is for ever.
    pub times: u32,
}

/// See [`Verb::Play`].
#[derive(Clone, Debug)]
pub struct Play {
    /// The audio's URL; may be empty when there are digits.
    pub url: String,
    /// Keys to send.
    pub digits: Option<String>,
    /// How many times; 0 is for ever.
    pub times: u32,
}

/// See [`Verb::Record`].
#[derive(Clone, Debug)]
pub struct Record {
    /// Where to go afterwards.
    pub action: Action,
    /// The silence that ends it.
    pub timeout: Duration,
    /// The longest recording.
    pub max_length: Duration,
    /// Where to tell about it.
    pub callback: Action,
    /// Which of in-progress, completed and absent to tell.
    pub callback_events: Vec<String>,
}

/// See [`Verb::Gather`].
#[derive(Clone, Debug)]
pub struct Gather {
    /// Played meanwhile.
    pub prompts: Vec<Prompt>,
    /// Where to go with what was entered.
    pub action: Action,
    /// How long to listen after the prompts.
    pub timeout: Duration,
    /// Whether keys count.
    pub keys: bool,
    /// Whether speech counts.
    pub speech: bool,
    /// Go to `action` even if nothing was entered.
    pub even_if_empty: bool,
}
