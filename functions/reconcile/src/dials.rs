//! Dials of unknown outcome: Twilio has the call, under a `CallSid` that we don't know, or does not have it.

use std::time::Duration;

use mongodb::bson::DateTime;
use outdial::{
    domain::{Call, CallId, DialOutcome},
    service::{
        double_dial::{DoubleDial, report_double_dial},
        place_call::withdraw_undialled,
    },
    telemetry::metrics::{self, Count},
    twilio::CallDetails,
};
use tokio::time::sleep;

use crate::{
    report::{Failure, Outcome},
    run::Run,
};

/// The largest difference between Twilio's clock and ours, including the rounding to whole seconds.
const CLOCK_SKEW: Duration = Duration::from_mins(1);
/// The time that a dial request may take, for calls that have no deadline.
const DIALLING: Duration = Duration::from_secs(30);
/// The pause before the second look: Twilio's lists lag behind.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// The evidence in the webhook URLs of a candidate.
enum Evidence {
    /// One of them has our `call_id`.
    Ours,
    /// They have other `call_id`s, or belong to another service.
    NotOurs,
    /// Twilio lists none.
    Silent,
}

/// Looks for the call in Twilio's list of calls between its two numbers, and looks again if the first list is not conclusive.
pub(crate) async fn settle(run: &Run<'_>, call: &Call) -> Result<Outcome, Failure> {
    if is_under_way(run, call) {
        return Ok(Outcome::NotYet);
    }
    if call.is_undialled() {
        return withdraw(run, call).await;
    }
    let permit = run.start_call().await?;
    let candidates = candidates(run, call).await?;
    let (mut ours, silent) = sort_by_evidence(run, call.call_id, candidates).await?;
    if let (Some(only), true) = (ours.pop(), ours.is_empty()) {
        run.record(call, &only).await?;
        return Ok(Outcome::Settled);
    }
    drop(permit);
    sleep(SECOND_LOOK).await;
    let _permit = run.start_call().await?;
    look_again(run, call, silent).await
}

/// Withdraws a call whose request ended before it asked Twilio. Nothing was dialled, and its idempotency key is free again.
async fn withdraw(run: &Run<'_>, call: &Call) -> Result<Outcome, Failure> {
    let _permit = run.start_call().await?;
    let withdrawn = run.store(async |dao| withdraw_undialled(dao, call).await);
    if !withdrawn.await? {
        return Ok(Outcome::Left);
    }
    metrics::count(Count::ReconciledCall);
    tracing::warn!("undialled call withdrawn");
    Ok(Outcome::GivenUp)
}

/// Lists the candidates again, and decides. Never guesses: if two candidates are possible, the call is left unchanged.
async fn look_again(
    run: &Run<'_>,
    call: &Call,
    seen_before: Vec<CallDetails>,
) -> Result<Outcome, Failure> {
    let mut found = candidates(run, call).await?;
    let is_listed = |seen: &CallDetails| found.iter().any(|now| now.sid == seen.sid);
    let (_, no_longer_listed): (Vec<_>, Vec<_>) = seen_before.into_iter().partition(is_listed);
    found.extend(no_longer_listed);
    let (ours, silent) = sort_by_evidence(run, call.call_id, found).await?;
    match (&ours[..], &silent[..]) {
        ([only], _) => {
            run.record(call, only).await?;
            Ok(Outcome::Settled)
        }
        ([], [only]) if !has_rivals(run, call).await? => {
            run.record(call, only).await?;
            Ok(Outcome::Settled)
        }
        ([], []) if dialled_at(call) < run.unknown_before() => {
            let give_up = run.store(async |dao| dao.give_up_call(call.call_id, None).await);
            if !give_up.await? {
                return Ok(Outcome::Settled);
            }
            metrics::count(Count::ReconciledCall);
            tracing::warn!("call unknown to Twilio, given up");
            Ok(Outcome::GivenUp)
        }
        ([], []) => Ok(Outcome::Left),
        ([], _) => {
            metrics::count(Count::DialLeftUnknown);
            tracing::warn!(candidates = silent.len(), "dial left unknown");
            Ok(Outcome::Left)
        }
        _ => {
            report_double_dial(DoubleDial::SameCallId, None);
            Ok(Outcome::Left)
        }
    }
}

/// Returns Twilio's calls that could be this call: between the same numbers, created at the time of the dial, and with a `CallSid`
/// that no other stored call has.
async fn candidates(run: &Run<'_>, call: &Call) -> Result<Vec<CallDetails>, Failure> {
    let (since, until) = window(call);
    let (from, to) = (&call.from_number, &call.to_number);
    let listed = run.ask(async |twilio| twilio.list_calls(from, to, since).await);
    let mut listed = listed.await?.unwrap_or_default();
    listed.retain(|details| {
        // The leg of a transfer has our `call_id` in its webhook URLs too.
        !details.is_other_direction
            && details.from_number.as_ref() == Some(from)
            && details
                .created_at
                .is_some_and(|created| (since..=until).contains(&created))
    });
    let sids: Vec<_> = listed.iter().map(|details| details.sid.clone()).collect();
    let known = run.store(async |dao| dao.list_known_sids(&sids).await);
    let known = known.await?;
    listed.retain(|details| !known.contains(&details.sid));
    Ok(listed)
}

/// Returns the candidates with our `call_id` in their webhook URLs, and those without webhook URLs.
async fn sort_by_evidence(
    run: &Run<'_>,
    id: CallId,
    candidates: Vec<CallDetails>,
) -> Result<(Vec<CallDetails>, Vec<CallDetails>), Failure> {
    let (mut ours, mut silent) = (Vec::new(), Vec::new());
    for candidate in candidates {
        let urls = run.ask(async |twilio| twilio.list_webhook_urls(&candidate.sid).await);
        // Twilio lists webhooks with a delay.
        match evidence(id, &urls.await?.unwrap_or_default()) {
            Evidence::Ours => ours.push(candidate),
            Evidence::Silent => silent.push(candidate),
            Evidence::NotOurs => {}
        }
    }
    Ok((ours, silent))
}

fn evidence(id: CallId, urls: &[String]) -> Evidence {
    let pair_of_ours = format!("call_id={id}");
    let is_ours = |url: &String| {
        let query = url.split_once('?').map(|(_, rest)| rest);
        query
            .and_then(|rest| rest.split('#').next())
            .is_some_and(|query| query.split('&').any(|pair| pair == pair_of_ours))
    };
    if urls.iter().any(is_ours) {
        Evidence::Ours
    } else if urls.is_empty() {
        Evidence::Silent
    } else {
        Evidence::NotOurs
    }
}

/// Returns true if another dial of unknown outcome could be the same call at Twilio.
async fn has_rivals(run: &Run<'_>, call: &Call) -> Result<bool, Failure> {
    let (from, to) = window(call);
    // The window of the other call is as long as this one's.
    let widest = CLOCK_SKEW * 2 + DIALLING;
    let (from, to) = (shifted(from, widest, false), shifted(to, widest, true));
    let rivals = run.store(async |dao| dao.count_rivals(call, from, to).await);
    Ok(rivals.await? > 0)
}

/// Returns true if the request that dials may still be running.
fn is_under_way(run: &Run<'_>, call: &Call) -> bool {
    call.dial_outcome == Some(DialOutcome::Pending) && dialled_until(call) >= run.now
}

fn dialled_until(call: &Call) -> DateTime {
    call.dial_deadline
        .unwrap_or_else(|| shifted(dialled_at(call), DIALLING, true))
}

/// Time at which the dial began. A call may have waited for days before.
fn dialled_at(call: &Call) -> DateTime {
    call.dial_begun_at.unwrap_or(call.created_at)
}

/// The time in which Twilio must have created the call, by its own clock.
fn window(call: &Call) -> (DateTime, DateTime) {
    (
        shifted(dialled_at(call), CLOCK_SKEW, false),
        shifted(dialled_until(call), CLOCK_SKEW, true),
    )
}

fn shifted(time: DateTime, by: Duration, later: bool) -> DateTime {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    let by = if later { by } else { -by };
    DateTime::from_millis(time.timestamp_millis().saturating_add(by))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhook_url_with_our_call_id_is_evidence() {
        let id = CallId::generate();
        let url = |rest: &str| vec![format!("https://calls.example.com/twilio/voice{rest}")];
        for ours in [
            format!("?call_id={id}"),
            format!("?call_id={id}#rc=3&rp=all"),
            format!("?a=b&call_id={id}"),
        ] {
            assert!(
                matches!(evidence(id, &url(&ours)), Evidence::Ours),
                "{ours}"
            );
        }
        let other = CallId::generate();
        for not_ours in [
            String::new(),
            format!("?call_id={other}"),
            format!("?xcall_id={id}"),
            format!("#?call_id={other}"),
        ] {
            assert!(
                matches!(evidence(id, &url(&not_ours)), Evidence::NotOurs),
                "{not_ours}"
            );
        }
        assert!(matches!(evidence(id, &[]), Evidence::Silent));
        let both = [
            url(&format!("?call_id={other}")),
            url(&format!("?call_id={id}")),
        ]
        .concat();
        assert!(matches!(evidence(id, &both), Evidence::Ours));
    }
}
