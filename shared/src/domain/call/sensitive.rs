//! Sensitive calls: their words, and the keys that people press, are erased after their end.

use bson::DateTime;

use crate::domain::{Answer, Ask, Call, Script};

impl Call {
    /// The fault of a request for a sensitive call that is recorded.
    pub const NOT_RECORDED: &str =
        "can't be combined with recording_enabled: the recording would keep the words";

    /// Returns true if the words of this sensitive call are erased.
    #[must_use]
    pub fn is_wordless(&self) -> bool {
        self.words_erased_at.is_some()
    }

    /// The same call without its words, without keys that are no options, and without the hash of its request, from which short words could
    /// be guessed. Its result stays the same.
    #[must_use]
    pub fn without_words(&self, now: DateTime) -> Self {
        let answers = self
            .answers
            .iter()
            .map(|answer| self.without_digits(answer));
        let answers = answers.collect();
        let call = self.clone();
        Self {
            script: call.script.map(|_| Script::silent()),
            steps: call.steps.map(|mut steps| {
                steps.erase_words();
                steps
            }),
            voicemail: call.voicemail.map(|mut voicemail| {
                if let Some(message) = &mut voicemail.message {
                    message.erase_words();
                }
                voicemail
            }),
            answers,
            request_hash: None,
            words_open: false,
            words_erased_at: Some(now),
            ..call
        }
    }

    fn without_digits(&self, answer: &Answer) -> Answer {
        if answer.option.is_some() {
            return answer.clone();
        }
        let ask = self
            .steps
            .as_ref()
            .and_then(|it| it.ask(answer.step.as_str()));
        let accepts = |ask: &Ask| ask.accepts(&answer.digits);
        Answer {
            digits: String::new(),
            is_accepted: answer.is_accepted || ask.is_some_and(|(_, ask)| accepts(ask)),
            ..answer.clone()
        }
    }
}
