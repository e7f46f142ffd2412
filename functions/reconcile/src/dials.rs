//! Dials whose outcome nobody knows: Twilio has the call, under a name that nobody has told us, or it has not.

use std::time::Duration;

use mongodb::bson::DateTime;
use outdial::{
    dao::Open,
    domain::{Call, CallId, DialOutcome},
    metrics::{self, Count},
    twilio::{CallDetails, TwilioError},
};
use tokio::time::{Instant, sleep_until};
use tracing::Instrument;

use crate::run::{NOT_FOUND, Run, Stop, span_of};

/// How far Twilio's clock may be from ours, its whole seconds included.
const CLOCK_SKEW: Duration = Duration::from_mins(1);
/// How long a request to dial may take, where the call does not say.
const DIALLING: Duration = Duration::from_secs(30);
/// Twilio's lists lag behind: what one does not show, another may a little later.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// A dial that a first look did not settle.
pub(crate) struct Dial {
    call: Call,
    candidates: Vec<CallDetails>,
    looked_at: Instant,
}

/// What a candidate's webhooks say of it.
enum Evidence {
    /// One of them names our call.
    Ours,
    /// They name other calls, or are not of this service.
    Anothers,
    /// Twilio tells of none.
    Silent,
}

/// Looks for each of them in Twilio's list of the calls to its number, and settles those that can be told there and then.
pub(crate) async fn look(run: &mut Run<'_>, calls: Vec<Call>) -> Result<Vec<Dial>, Stop> {
    let mut not_found = Vec::new();
    let mut last = None;
    for call in &calls {
        if is_under_way(run, call) {
            continue;
        }
        run.go_on(Open::Dial, last)?;
        match look_for(run, call).instrument(span_of(call)).await {
            Ok(dial) => not_found.extend(dial),
            Err(stop) => {
                run.stop_at(Open::Dial, last);
                return Err(stop);
            }
        }
        last = Some(call);
    }
    Ok(not_found)
}

/// Withdraws a call whose request has ended before it asked Twilio: nothing was dialled, and its key is free again.
async fn withdraw(run: &mut Run<'_>, call: &Call) -> Result<(), Stop> {
    if run.app.dao.withdraw_undialled(call).await? {
        run.report.dials.given_up += 1;
        metrics::count(Count::ReconciledCall);
        tracing::warn!("undialled call withdrawn: its request has ended");
    } else {
        run.report.dials.left += 1;
    }
    Ok(())
}

async fn look_for(run: &mut Run<'_>, call: &Call) -> Result<Option<Dial>, Stop> {
    run.report.dials.examined += 1;
    if call.is_undialled() {
        withdraw(run, call).await?;
        return Ok(None);
    }
    let Some(candidates) = candidates(run, call).await? else {
        run.report.dials.left += 1;
        return Ok(None);
    };
    let looked_at = Instant::now();
    let (mut ours, silent) = weigh(run, call.call_id, &candidates).await?;
    if let (Some(only), true) = (ours.pop(), ours.is_empty()) {
        settle(run, call, only).await?;
        return Ok(None);
    }
    Ok(Some(Dial {
        call: call.clone(),
        candidates: silent,
        looked_at,
    }))
}

/// Looks a second time for those that were not found, and decides. It never guesses: where two calls could be it, it is
/// left as it is.
pub(crate) async fn look_again(run: &mut Run<'_>, dials: Vec<Dial>) -> Result<(), Stop> {
    for dial in dials {
        run.go_on(Open::Dial, None)?;
        sleep_until(dial.looked_at + SECOND_LOOK).await;
        let span = span_of(&dial.call);
        decide(run, dial).instrument(span).await?;
    }
    Ok(())
}

async fn decide(run: &mut Run<'_>, dial: Dial) -> Result<(), Stop> {
    let call = &dial.call;
    let Some(mut found) = candidates(run, call).await? else {
        run.report.dials.left += 1;
        return Ok(());
    };
    let is_new = |seen: &CallDetails| !found.iter().any(|now| now.sid == seen.sid);
    let no_more_listed: Vec<_> = dial.candidates.into_iter().filter(is_new).collect();
    found.extend(no_more_listed);
    let (ours, silent) = weigh(run, call.call_id, &found).await?;
    match (&ours[..], &silent[..]) {
        ([only], _) => return settle(run, call, only.clone()).await,
        ([], [only]) if !has_rivals(run, call).await? => {
            return settle(run, call, only.clone()).await;
        }
        ([], []) if call.created_at < run.unknown_before() => {
            if run.app.dao.give_up_call(call.call_id, None).await? {
                run.report.dials.given_up += 1;
                metrics::count(Count::ReconciledCall);
                tracing::warn!("Twilio does not know the call: it counts as failed");
            }
            return Ok(());
        }
        ([], []) => {}
        ([], _) => {
            metrics::count(Count::DialLeftUnknown);
            tracing::warn!(
                candidates = silent.len(),
                "which of Twilio's calls it is cannot be told"
            );
        }
        _ => {
            metrics::count(Count::SuspectedDoubleDial);
            tracing::error!("suspected double dial: Twilio has several calls of that name");
        }
    }
    run.report.dials.left += 1;
    Ok(())
}

async fn settle(run: &mut Run<'_>, call: &Call, details: CallDetails) -> Result<(), Stop> {
    run.record(call, &details).await?;
    run.report.dials.settled += 1;
    Ok(())
}

/// Twilio's calls that could be it: to and from the same numbers, made at the time of the dial, and not known as another
/// call's. None where Twilio did not tell.
async fn candidates(run: &mut Run<'_>, call: &Call) -> Result<Option<Vec<CallDetails>>, Stop> {
    let (from, to) = window(call);
    let answer = run.app.twilio.list_calls(&call.to_number, from).await;
    let Some(mut listed) = run.answered(answer)? else {
        return Ok(None);
    };
    listed.retain(|details| {
        details.from_number.as_ref() == Some(&call.from_number)
            && details
                .created_at
                .is_some_and(|created| (from..=to).contains(&created))
    });
    let sids: Vec<_> = listed.iter().map(|details| details.sid.clone()).collect();
    let known = run.app.dao.list_known_sids(&sids).await?;
    listed.retain(|details| !known.contains(&details.sid));
    Ok(Some(listed))
}

/// The candidates that are ours by their webhooks, and those that could still be.
async fn weigh(
    run: &mut Run<'_>,
    id: CallId,
    candidates: &[CallDetails],
) -> Result<(Vec<CallDetails>, Vec<CallDetails>), Stop> {
    let (mut ours, mut silent) = (Vec::new(), Vec::new());
    for candidate in candidates {
        let urls = match run.app.twilio.list_webhook_urls(&candidate.sid).await {
            // Twilio tells of no webhooks yet.
            Err(TwilioError::Refused(refusal)) if refusal.http_status == Some(NOT_FOUND) => vec![],
            answer => run.answered(answer)?.unwrap_or_default(),
        };
        match evidence(id, &urls) {
            Evidence::Ours => ours.push(candidate.clone()),
            Evidence::Silent => silent.push(candidate.clone()),
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
async fn has_rivals(run: &Run<'_>, call: &Call) -> Result<bool, Stop> {
    let (from, to) = window(call);
    // The other one's time is as long as this one's.
    let widest = CLOCK_SKEW * 2 + DIALLING;
    let (from, to) = (shifted(from, widest, false), shifted(to, widest, true));
    Ok(run.app.dao.count_rivals(call, from, to).await? > 0)
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
