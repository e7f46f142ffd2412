//! Checks calls that detect machines: a machine records the whole message, and no result of detection cuts a person off late.

use super::listening::{self, ListeningCall};
use crate::evidence::Evidence;
use crate::violation::{Kind, Violation};

/// Returns the violations that concern machines.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    for listening in listening::calls(evidence) {
        found.extend(silence_counted(&listening));
        found.extend(message_unproven(&listening));
        found.extend(message_missed(&listening));
        found.extend(cut_off(&listening));
    }
    found
}

/// The silence of a machine is no answer, if detection has found the machine.
fn silence_counted(listening: &ListeningCall<'_>) -> Option<Violation> {
    let ListeningCall { record, call, .. } = listening;
    let is_machine = call.machine.is_some() && call.is_machine_by_verdict();
    let result = listening.result()?;
    let is_counted = result == "no_input" || record.is_outcome_of_silence(result);
    (record.voicemail.is_some() && is_machine && is_counted).then(|| {
        let expected = "a machine's result: it says nothing";
        listening.violation(Kind::MachineSilenceCounted, expected, result)
    })
}

/// Returns whether the machine has recorded the whole message, or the person who was taken for one has heard it.
fn has_message(listening: &ListeningCall<'_>, message: &[String]) -> bool {
    let call = listening.call;
    let whole: Vec<_> = match &call.machine {
        Some(machine) => machine
            .recorded
            .iter()
            .map(|it| it.whole.then_some(it.text.as_str()))
            .collect(),
        None => call
            .heard
            .iter()
            .map(|it| it.whole.then_some(it.text.as_str()))
            .collect(),
    };
    let message: Vec<_> = message.iter().map(|it| Some(it.as_str())).collect();
    whole
        .windows(message.len().max(1))
        .any(|part| part == message)
}

fn message_unproven(listening: &ListeningCall<'_>) -> Option<Violation> {
    if !listening.record.voicemail_left {
        return None;
    }
    let message = listening.record.message();
    let is_left = message.is_some_and(|message| has_message(listening, &message));
    (!is_left).then(|| {
        let expected = "the whole message after the greeting";
        listening.violation(Kind::VoicemailUnproven, expected, heard(listening))
    })
}

/// If nothing fails, a machine that does not hang up gets the message. The plan has no result after the longest wait for it.
fn message_missed(listening: &ListeningCall<'_>) -> Option<Violation> {
    let ListeningCall { record, call, .. } = listening;
    let message = record.message()?;
    // Without a result, the service has hung up too early.
    let may_be_found = call.answered_by.is_none() || call.is_machine_by_verdict();
    let must_have_it = listening.is_undisturbed
        && listening.ended_by_instructions()
        && call.machine.is_some()
        && may_be_found
        && !record.tries_machines_again()
        && record.answers.is_empty()
        && listening.legs.is_empty();
    (must_have_it && !has_message(listening, &message)).then(|| {
        let expected = "the whole message after the greeting";
        listening.violation(Kind::MessageMissed, expected, heard(listening))
    })
}

/// A result of detection may interrupt or end a call once, and only one of a machine: not if it came after a key that was
/// acknowledged, or after a transfer.
fn cut_off(listening: &ListeningCall<'_>) -> Option<Violation> {
    let ListeningCall { record, call, .. } = listening;
    let changes =
        call.redirected_ms.len() + usize::from(call.ended_by.as_deref() == Some("update"));
    if record.voicemail.is_none() || record.hangup_requested || changes == 0 {
        return None;
    }
    let about = |expected: &str| {
        let found = format!(
            "{changes} changes of the live call, answered by {}",
            call.answered_by.as_deref().unwrap_or("nobody known")
        );
        Some(listening.violation(Kind::CutOffByVerdict, expected, found))
    };
    if changes > 1 {
        return about("at most one change");
    }
    if !call.is_machine_by_verdict() {
        return about("no change: no machine was found");
    }
    let decided = listening.verdicts.iter().map(|it| it.began()).min();
    let shows_person = |it: &&&crate::evidence::Webhook| {
        let has_keys = it.keys.as_ref().is_some_and(|keys| keys.digits != "*");
        it.answer == Some(200) && (has_keys || it.parameter("leg").as_deref() == Some("dial"))
    };
    let acknowledged = listening.requests.iter().filter(shows_person);
    let acknowledged = acknowledged.map(|it| it.at).min();
    match (acknowledged, decided) {
        (Some(key), Some(verdict)) if key < verdict => {
            about("no change: the person had shown before that nobody recorded")
        }
        _ => None,
    }
}

fn heard(listening: &ListeningCall<'_>) -> String {
    let call = listening.call;
    match &call.machine {
        Some(machine) => format!("recorded {:?}", machine.recorded),
        None => format!("heard {:?}", call.heard),
    }
}
