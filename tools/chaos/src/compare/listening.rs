//! The calls that listen, each with its record, its requests for instructions, and its results of machine detection.

use std::collections::HashMap;

use outdial::config::DEFAULT_APOLOGY;

use crate::evidence::{Evidence, StoredCall, TwilioCall, Webhook};
use crate::moment::Moment;
use crate::violation::{Kind, Violation};

/// Time after a failure of the database during which a request may still be queued because of it.
const AFTERMATH: Moment = 5_000;

/// A call that listens.
pub(super) struct ListeningCall<'a> {
    pub(super) record: &'a StoredCall,
    pub(super) call: &'a TwilioCall,
    /// The requests for instructions, also at the fallback URL, in the order of their ends.
    pub(super) requests: Vec<&'a Webhook>,
    /// The deliveries of results of machine detection.
    pub(super) verdicts: Vec<&'a Webhook>,
    /// The keys that were pressed in it.
    pub(super) pressed: &'a str,
    /// The legs of its transfers.
    pub(super) legs: Vec<&'a TwilioCall>,
    /// True if nothing failed in this call, so that all of it must be as in a world without failures.
    pub(super) is_undisturbed: bool,
}

/// Returns the calls that listen. A document with another `CallSid` belongs to another call.
pub(super) fn calls(evidence: &Evidence) -> Vec<ListeningCall<'_>> {
    let mut webhooks: HashMap<&str, Vec<&Webhook>> = HashMap::new();
    for webhook in &evidence.webhooks {
        let of_call = webhooks.entry(webhook.call_sid.as_str()).or_default();
        of_call.push(webhook);
    }
    let calls = evidence.twilio_calls.iter();
    let calls: HashMap<_, _> = calls.map(|call| (call.sid.as_str(), call)).collect();
    let records = evidence.stored_calls.iter().filter(|it| it.listens());
    let known = records.filter_map(|record| {
        let call = *calls.get(record.twilio_sid.as_deref()?)?;
        let of_kind = |kind: &str| -> Vec<&Webhook> {
            let of_call = webhooks.get(call.sid.as_str()).into_iter().flatten();
            of_call.copied().filter(|it| it.kind == kind).collect()
        };
        let is_leg = |leg: &&TwilioCall| leg.parent_call_sid.as_deref() == Some(&call.sid);
        let mut found = ListeningCall {
            record,
            call,
            requests: of_kind("voice"),
            verdicts: of_kind("amd"),
            pressed: evidence.pressed.get(&call.sid).map_or("", String::as_str),
            legs: evidence.legs.iter().filter(is_leg).collect(),
            is_undisturbed: false,
        };
        found.is_undisturbed = found.is_undisturbed(evidence);
        Some(found)
    });
    known.collect()
}

impl ListeningCall<'_> {
    /// A violation in this call.
    pub(super) fn violation(
        &self,
        kind: Kind,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Violation {
        Violation::new(kind, expected, found)
            .of_call(Some(self.record.call_id.clone()))
            .of_sid(Some(self.call.sid.clone()))
    }

    /// Returns whether the person heard an apology.
    pub(super) fn has_apologized(&self) -> bool {
        self.call.has_heard(DEFAULT_APOLOGY)
    }

    /// Returns whether a request that the simulator's log does not have may have reported these keys: one that the end of the call or
    /// an update cut off.
    pub(super) fn may_have_reported(&self, keys: &str) -> bool {
        let is_cut_off = !self.ended_by_instructions() || !self.call.redirected_ms.is_empty();
        is_cut_off && self.pressed.contains(keys)
    }

    /// Returns whether the instructions led to the end of the call.
    pub(super) fn ended_by_instructions(&self) -> bool {
        self.call.ended_by.as_deref() == Some("instructions")
    }

    /// The result, once the call has ended.
    pub(super) fn result(&self) -> Option<&str> {
        self.record.result.as_deref()
    }

    fn is_undisturbed(&self, evidence: &Evidence) -> bool {
        let sid = &self.call.sid;
        let is_plain = |request: &&Webhook| {
            request.answer == Some(200)
                && ["retry", "fallback"]
                    .iter()
                    .all(|name| request.parameter(name).is_none())
        };
        let is_queued = |webhook: &&Webhook| {
            let near = |span: &crate::moment::Span| {
                webhook.at >= span.from && webhook.began() < span.until + AFTERMATH
            };
            evidence.outages.iter().any(near)
        };
        let webhooks = || self.requests.iter().chain(&self.verdicts);
        webhooks().all(is_plain)
            && !webhooks().any(is_queued)
            && !evidence.failed_updates.contains(sid)
            && !evidence.late_verdicts.contains(sid)
            && !self.has_apologized()
            && !self.record.hangup_requested
    }
}
