//! Checks transfers: each is dialled at most once, and never to a blocked number.

use std::collections::BTreeMap;

use super::listening::{self, ListeningCall};
use crate::evidence::{Evidence, TwilioCall};
use crate::moment::{Moment, rfc3339};
use crate::violation::{Kind, Violation};

/// Returns the violations that concern transfers.
pub fn violations(evidence: &Evidence) -> Vec<Violation> {
    let mut found = Vec::new();
    for listening in listening::calls(evidence) {
        let mut steps: BTreeMap<_, Vec<&TwilioCall>> = BTreeMap::new();
        for leg in &listening.legs {
            steps.entry(leg.transfer_step()).or_default().push(leg);
        }
        for (step, legs) in &steps {
            let step = step.as_deref().unwrap_or("no step");
            found.extend((legs.len() > 1).then(|| {
                let seen = format!("{} of {step}", legs.len());
                listening.violation(Kind::TransferDialledTwice, "one leg", seen)
            }));
            found.extend(blocked(evidence, &listening, step, legs[0]));
        }
    }
    found
}

/// The block list is read before the number is dialled. So a number is free that was blocked after the first request began.
fn blocked(
    evidence: &Evidence,
    listening: &ListeningCall<'_>,
    step: &str,
    leg: &TwilioCall,
) -> Option<Violation> {
    let blocked_at: Moment = *evidence.blocked.get(&leg.to)?;
    let requests = listening.requests.iter().filter(|request| {
        let is = |name: &str, value: &str| request.parameter(name).as_deref() == Some(value);
        is("leg", "dial") && is("step", step)
    });
    let began = requests.map(|request| request.began()).min()?;
    (began > blocked_at).then(|| {
        let expected = format!(
            "no dial from {}: the number is blocked",
            rfc3339(blocked_at)
        );
        let found = format!("asked for at {}", rfc3339(began));
        listening.violation(Kind::TransferToBlocked, expected, found)
    })
}
