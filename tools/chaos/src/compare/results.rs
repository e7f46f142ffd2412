//! Checks results: nobody chose an outcome that the person did not choose, and the result is what Twilio's call shows.

use outdial::domain::{Action, Keys, OwnResult, Step, Steps, Then};

use super::listening::{self, ListeningCall};
use crate::evidence::Evidence;
use crate::notices::{BLOCKING_KEY, OPT_OUT_KEY};
use crate::violation::{Kind, Violation};

/// Returns the violations that concern results.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    for listening in listening::calls(evidence) {
        if !listening.call.has_ended() {
            continue;
        }
        let Some(result) = listening.result() else {
            continue;
        };
        let is_chosen = match OwnResult::of_word(result) {
            Some(OwnResult::OptedOut) => {
                let mut requests = listening.requests.iter();
                requests.any(|it| it.opts_out)
                    || listening.may_have_reported(OPT_OUT_KEY)
                    || listening.may_have_reported(BLOCKING_KEY)
            }
            Some(_) => true,
            None => is_chosen(&listening, result),
        };
        if !is_chosen {
            let expected = "an outcome that the person chose";
            found.push(listening.violation(Kind::OutcomeInvented, expected, result));
        }
        if let Some(expected) = difference(&listening, result) {
            found.push(listening.violation(Kind::ResultDiffers, expected, result));
        }
    }
    found
}

/// Returns whether any step led to the outcome.
fn is_chosen(listening: &ListeningCall<'_>, outcome: &str) -> bool {
    let steps = listening.record.steps.iter().flat_map(Steps::iter);
    let mut chosen = steps.map(|step| leads_to(listening, step, outcome));
    chosen.any(|it| it)
}

fn leads_to(listening: &ListeningCall<'_>, step: &Step, outcome: &str) -> bool {
    let has_outcome = |then: &Then| {
        let own = then.outcome.as_ref();
        own.is_some_and(|own| own.as_str() == outcome)
    };
    let id = step.id.as_ref().map_or("", |id| id.as_str());
    match &step.action {
        Action::Ask(ask) => {
            let keys = |digits: &str| {
                let mut reported = listening.requests.iter().filter_map(|it| it.keys.as_ref());
                reported.any(|keys| keys.step == id && keys.digits == digits)
                    || listening.may_have_reported(digits)
            };
            let by_option = match &ask.keys {
                Keys::Options(options) => options
                    .iter()
                    .any(|(key, then)| has_outcome(then) && keys(key)),
                Keys::Digits(_) => false,
            };
            let mut ends = listening.requests.iter();
            let is_over = ends.any(|it| it.parameter("step").as_deref() == Some(id));
            by_option || (has_outcome(&ask.no_input) && is_over)
        }
        Action::Transfer(transfer) => {
            let mut legs = listening.legs.iter();
            let is_connected = legs.any(|leg| {
                leg.transfer_step().as_deref() == Some(id) && leg.bridged_seconds.is_some()
            });
            has_outcome(&transfer.failed) && !is_connected
        }
        Action::Say(_) | Action::HangUp => false,
    }
}

/// Returns what the result must be, if it differs.
fn difference(listening: &ListeningCall<'_>, result: &str) -> Option<&'static str> {
    let ListeningCall {
        record,
        call,
        requests,
        legs,
        ..
    } = listening;
    let own = OwnResult::of_word(result);
    if !call.was_answered() {
        return (own != Some(OwnResult::NotReached)).then_some("not_reached: nobody answered");
    }
    let is_connected = legs.iter().any(|leg| leg.bridged_seconds.is_some());
    let is_undisturbed = listening.is_undisturbed;
    let is_machine = record.voicemail.is_some() && call.is_machine_by_verdict();
    let has_ended = || {
        let mut steps = requests.iter().filter_map(|it| it.parameter("step"));
        steps.any(|step| ["end", "hold"].contains(&step.as_str()))
    };
    match own? {
        OwnResult::NotReached => Some("another result: somebody answered"),
        OwnResult::Transferred if !is_connected => Some("another result: no leg was connected"),
        OwnResult::VoicemailLeft | OwnResult::VoicemailMissed if !is_machine => {
            Some("another result: no machine was found")
        }
        OwnResult::Completed
        | OwnResult::NoInput
        | OwnResult::HungUp
        | OwnResult::Error
        | OwnResult::VoicemailMissed
            if is_connected && is_undisturbed =>
        {
            Some("transferred")
        }
        OwnResult::HungUp if is_undisturbed && listening.ended_by_instructions() => {
            Some("another result: the service ended the call")
        }
        OwnResult::Completed if is_undisturbed && !has_ended() => {
            Some("another result: the steps did not go on to their end")
        }
        OwnResult::Error if is_undisturbed => Some("another result: nothing failed"),
        _ => None,
    }
}
