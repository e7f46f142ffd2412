//! The TwiML verbs that a call executes.

use std::time::Duration;

/// A verb.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Speaks a text.
    Say(Say),
    /// Waits.
    Pause(Duration),
    /// Plays audio or sends keys.
    Play(Play),
    /// Records what the called party says.
    Record(Record),
    /// Waits for keys or speech.
    Gather(Gather),
    /// Connects the called party with another number.
    Dial(Dial),
    /// Continues with another document. Without a URL, this is the current one.
    Redirect(Action),
    /// Ends the call.
    Hangup,
    /// Ends the call, because an outbound call has already been answered.
    Reject,
}

impl Verb {
    /// The name of the element.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Say(_) => "Say",
            Self::Pause(_) => "Pause",
            Self::Play(_) => "Play",
            Self::Record(_) => "Record",
            Self::Gather(_) => "Gather",
            Self::Dial(_) => "Dial",
            Self::Redirect(_) => "Redirect",
            Self::Hangup => "Hangup",
            Self::Reject => "Reject",
        }
    }
}

/// The URL and method in a verb.
#[derive(Clone, Debug)]
pub struct Action {
    /// The URL, relative to the current document. `None` is the current document.
    pub url: Option<String>,
    /// True for GET, false for POST.
    pub get: bool,
}

/// A prompt in a Gather.
#[derive(Clone, Debug)]
pub enum Prompt {
    /// Speaks.
    Say(Say),
    /// Plays audio.
    Play(Play),
    /// Waits.
    Pause(Duration),
}

/// The content of a [`Verb::Say`].
#[derive(Clone, Debug)]
pub struct Say {
    /// The text without SSML elements.
    pub text: String,
    /// The total length of its SSML breaks.
    pub breaks: Duration,
    /// The number of repetitions; 0 repeats endlessly.
    pub times: u32,
}

/// The content of a [`Verb::Play`].
#[derive(Clone, Debug)]
pub struct Play {
    /// The URL of the audio. It can be empty if there are digits.
    pub url: String,
    /// Keys to send.
    pub digits: Option<String>,
    /// True if the audio is the response itself, so it is not fetched again.
    pub fetched: bool,
    /// The number of repetitions; 0 repeats endlessly.
    pub times: u32,
}

/// The attributes of a [`Verb::Record`].
#[derive(Clone, Debug)]
pub struct Record {
    /// The next document.
    pub action: Action,
    /// The length of silence that ends the recording.
    pub timeout: Duration,
    /// The maximum length of the recording.
    pub max_length: Duration,
    /// The recording status callback.
    pub callback: Action,
    /// The events to report: `in-progress`, `completed`, `absent`.
    pub callback_events: Vec<String>,
}

/// The content of a [`Verb::Gather`].
#[derive(Clone, Debug)]
pub struct Gather {
    /// The prompts to play during the Gather.
    pub prompts: Vec<Prompt>,
    /// The document to request with the input.
    pub action: Action,
    /// The time to wait for input after the prompts.
    pub timeout: Duration,
    /// True if it accepts keys.
    pub keys: bool,
    /// The number of keys that ends it. `None`: it waits for the timeout or the finishing key.
    pub most_keys: Option<u32>,
    /// The key that ends it, and is not part of the input.
    pub finish_on_key: Option<char>,
    /// True if it accepts speech.
    pub speech: bool,
    /// True if it requests `action` also without input.
    pub even_if_empty: bool,
}

/// The content of a [`Verb::Dial`].
#[derive(Clone, Debug)]
pub struct Dial {
    /// The number to call, as written.
    pub number: String,
    /// The caller ID. `None`: that of the call.
    pub caller_id: Option<String>,
    /// The longest time of ringing, without the five seconds that Twilio adds.
    pub timeout: Duration,
    /// The longest duration of the other leg.
    pub time_limit: Duration,
    /// The document to request at the end. Without a URL, the next verb follows.
    pub action: Action,
    /// The document that the other party hears before the connection. Without a URL, there is none.
    pub whisper: Action,
    /// Keys to send to the other party when it answers.
    pub send_digits: Option<String>,
    /// The status callback of the other leg.
    pub callback: Action,
    /// The events to report: `initiated`, `ringing`, `answered`, `completed`.
    pub callback_events: Vec<String>,
}
