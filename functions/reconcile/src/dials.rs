//! Dials whose outcome nobody knows: Twilio has the call, under a name that nobody has told us, or it has not.

use std::time::Duration;

use mongodb::bson::DateTime;
use outdial::{
    domain::{Call, CallId, DialOutcome},
    metrics::{self, Count},
    twilio::CallDetails,
};
use tokio::time::sleep;

use crate::{
    report::Outcome,
    run::{Run, Trouble},
};

/// How far Twilio's clock may be from ours, its whole seconds included.
const CLOCK_SKEW: Duration = Duration::from_mins(1);
/// How long a request to dial may take, where the call does not say.
const DIALLING: Duration = Duration::from_secs(30);
/// Twilio's lists lag behind: what one does not show, another may a little later.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// What a candidate's webhooks say of it.
enum Evidence {
    /// One of them names our call.
    Ours,
    /// They name other calls, or are not of this service.
    Anothers,
    /// Twilio tells of none.
    Silent,
}

/// Looks for it in Twilio's list of the calls between its numbers, and a second time where that tells too little.
pub(crate) async fn settle(run: &Run<'_>, call: &Call) -> Result<Outcome, Trouble> {
    if is_under_way(run, call) {
        return Ok(Outcome::NotYet);
    }
    if call.is_undialled() {
        return withdraw(run, call).await;
    }
    let place = run.enter().await?;
    let candidates = candidates(run, call).await?;
    let (mut ours, silent) = weigh(run, call.call_id, candidates).await?;
    if let (Some(only), true) = (ours.pop(), ours.is_empty()) {
        run.record(call, &only).await?;
        return Ok(Outcome::Settled);
    }
    drop(place);
    sleep(SECOND_LOOK).await;
    let _place = run.enter().await?;
    decide(run, call, silent).await
}

/// Withdraws a call whose request has ended before it asked Twilio: nothing was dialled, and its key is free again.
async fn withdraw(run: &Run<'_>, call: &Call) -> Result<Outcome, Trouble> {
    let _place = run.enter().await?;
    let withdrawn = run.store(async |dao| dao.withdraw_undialled(call).await);
    if !withdrawn.await? {
        return Ok(Outcome::Left);
    }
    metrics::count(Count::ReconciledCall);
    tracing::warn!("undialled call withdrawn: its request has ended");
    Ok(Outcome::GivenUp)
}

/// The second look. It never guesses: where two calls could be it, it is left as it is.
async fn decide(
    run: &Run<'_>,
    call: &Call,
    seen_before: Vec<CallDetails>,
) -> Result<Outcome, Trouble> {
    let mut found = candidates(run, call).await?;
    let is_listed = |seen: &CallDetails| found.iter().any(|now| now.sid == seen.sid);
    let (_, no_more_listed): (Vec<_>, Vec<_>) = seen_before.into_iter().partition(is_listed);
    found.extend(no_more_listed);
    let (ours, silent) = weigh(run, call.call_id, found).await?;
    match (&ours[..], &silent[..]) {
        ([only], _) => {
            run.record(call, only).await?;
            Ok(Outcome::Settled)
        }
        ([], [only]) if !has_rivals(run, call).await? => {
            run.record(call, only).await?;
            Ok(Outcome::Settled)
        }
        ([], []) if call.created_at < run.unknown_before() => {
            let give_up = run.store(async |dao| dao.give_up_call(call.call_id, None).await);
            if !give_up.await? {
                return Ok(Outcome::Settled);
            }
            metrics::count(Count::ReconciledCall);
            tracing::warn!("Twilio does not know the call: it counts as failed");
            Ok(Outcome::GivenUp)
        }
        ([], []) => Ok(Outcome::Left),
        ([], _) => {
            metrics::count(Count::DialLeftUnknown);
            tracing::warn!(
                candidates = silent.len(),
                "which of Twilio's calls it is cannot be told"
            );
            Ok(Outcome::Left)
        }
        _ => {
            metrics::count(Count::SuspectedDoubleDial);
            tracing::error!("suspected double dial: Twilio has several calls of that name");
            Ok(Outcome::Left)
        }
    }
}

/// Twilio's calls that could be it: to and from the same numbers, made at the time of the dial, and not known as another
/// call's.
async fn candidates(run: &Run<'_>, call: &Call) -> Result<Vec<CallDetails>, Trouble> {
    let (since, until) = window(call);
    let (from, to) = (&call.from_number, &call.to_number);
    let listed = run.ask(async |twilio| twilio.list_calls(from, to, since).await);
    let mut listed = listed.await?.unwrap_or_default();
    listed.retain(|details| {
        details.from_number.as_ref() == Some(from)
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

/// The candidates that are ours by their webhooks, and those that could still be.
async fn weigh(
    run: &Run<'_>,
    id: CallId,
    candidates: Vec<CallDetails>,
) -> Result<(Vec<CallDetails>, Vec<CallDetails>), Trouble> {
    let (mut ours, mut silent) = (Vec::new(), Vec::new());
    for candidate in candidates {
        let urls = run.ask(async |twilio| twilio.list_webhook_urls(&candidate.sid).await);
        // Twilio tells of no webhooks for a while.
        match evidence(id, &urls.await?.unwrap_or_default()) {
            Evidence::Ours => ours.push(candidate),
            Evidence::Silent => silent.push(candidate),
            Evidence::Anothers => {}
        }
    }
    Ok((ours, silent))
}

fn evidence(id: CallId, urls: &[String]) -> Evidence {
    let ours = format!("call_id={id}");
    let names_ours = |url: &String| {
        let query = url.split_once('?').map(|(_, rest)| rest);
        query
            .and_then(|rest| rest.split('#').next())
            .is_some_and(|query| query.split('&').any(|pair| pair == ours))
    };
    if urls.iter().any(names_ours) {
        Evidence::Ours
    } else if urls.is_empty() {
        Evidence::Silent
    } else {
        Evidence::Anothers
    }
}

/// Whether another dial of unknown outcome could be the same of Twilio's calls.
async fn has_rivals(run: &Run<'_>, call: &Call) -> Result<bool, Trouble> {
    let (from, to) = window(call);
    // The other one's time is as long as this one's.
    let widest = CLOCK_SKEW * 2 + DIALLING;
    let (from, to) = (shifted(from, widest, false), shifted(to, widest, true));
    let rivals = run.store(async |dao| dao.count_rivals(call, from, to).await);
    Ok(rivals.await? > 0)
}

/// Whether somebody may still be waiting for Twilio's answer.
fn is_under_way(run: &Run<'_>, call: &Call) -> bool {
    call.dial_outcome == Some(DialOutcome::Pending) && dialled_until(call) >= run.now
}

fn dialled_until(call: &Call) -> DateTime {
    call.dial_deadline
        .unwrap_or_else(|| shifted(call.created_at, DIALLING, true))
}

/// When Twilio must have made the call, by its own clock.
fn window(call: &Call) -> (DateTime, DateTime) {
    (
        shifted(call.created_at, CLOCK_SKEW, false),
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
    fn a_webhook_that_names_our_call_is_evidence() {
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
        for anothers in [
            String::new(),
            format!("?call_id={other}"),
            format!("?xcall_id={id}"),
            format!("#?call_id={other}"),
        ] {
            assert!(
                matches!(evidence(id, &url(&anothers)), Evidence::Anothers),
                "{anothers}"
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
