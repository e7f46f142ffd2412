//! What clients do with calls that wait in the dial queue: they move and cancel them.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::shared::{Placement, Shared};
use crate::evidence::{RequestedEnd, RequestedMove};
use crate::moment::{Moment, now, rfc3339};
use crate::plan::{CancelAt, Order, Queueing, RetryOrder};

impl Queueing {
    /// Adds the fields of the dial queue to the body of a request that is first sent now.
    pub fn extend(&self, body: &mut Value, key: &str, sent_at: Moment) {
        body["metadata"] = json!({ "order": key });
        let scheduled_at = self.scheduled.map(|after| sent_at + after);
        body["priority"] = self.priority.into();
        if let Some(at) = scheduled_at {
            body["scheduled_at"] = rfc3339(at).into();
        }
        if let Some(after) = self.expires {
            let from = scheduled_at.unwrap_or(sent_at).max(sent_at);
            body["expires_at"] = rfc3339(from + after).into();
        }
        if self.waits_for_hours {
            body["outside_calling_hours"] = "wait".into();
        }
        if let Some(retry) = &self.retry {
            body["retry"] = retry.to_json();
            if retry.after_voicemail && body.get("voicemail").is_none() {
                body["machine_detection"] = "Enable".into();
            }
        }
    }
}

impl RetryOrder {
    /// The field `retry`.
    pub fn to_json(&self) -> Value {
        let mut on = vec!["busy", "no-answer", "failed"];
        if self.after_voicemail {
            on.push("voicemail");
        }
        json!({
            "max_attempts": self.max_attempts,
            "delays_seconds": self.delays_seconds,
            "on": on,
        })
    }
}

impl Shared {
    /// Moves and cancels the call, as the order says.
    pub(super) async fn change(&self, order: &Order, placement: &Placement, call_id: &str) {
        let Some(queueing) = &order.queueing else {
            return;
        };
        tokio::join!(
            self.move_call(queueing, call_id),
            self.cancel(queueing, placement, call_id),
        );
    }

    async fn move_call(&self, queueing: &Queueing, call_id: &str) {
        let Some((pause, later)) = queueing.moved else {
            return;
        };
        tokio::time::sleep(pause).await;
        let scheduled_at = now() + later;
        let mut change = json!({ "scheduled_at": rfc3339(scheduled_at) });
        if let Some(after) = queueing.expires {
            change["expires_at"] = rfc3339(scheduled_at.max(now()) + after).into();
        }
        let path = format!("/calls/{call_id}");
        let mut requested = RequestedMove {
            call_id: call_id.to_owned(),
            scheduled_at,
            at: None,
        };
        match self.insist(Method::PATCH, &path, &change, None).await {
            Some((status, _)) if status.is_success() => requested.at = Some(now()),
            // An earlier try may have moved it, and the call is dialled by now.
            Some(_) | None => {}
        }
        self.requested.lock().await.moves.push(requested);
    }

    async fn cancel(&self, queueing: &Queueing, placement: &Placement, call_id: &str) {
        let pause = match queueing.canceled {
            None => return,
            Some(CancelAt::AfterResponse(pause)) => pause,
            Some(CancelAt::AroundDue(after)) => {
                let due_at = placement.at + queueing.scheduled.unwrap_or(0);
                Duration::from_millis((due_at + after - now()).max(0).unsigned_abs())
            }
        };
        tokio::time::sleep(pause).await;
        let path = format!("/calls/{call_id}/cancel");
        let response = self.insist(Method::POST, &path, &json!({}), None).await;
        if let Some((status, _)) = response
            && status.is_success()
        {
            self.note_end(call_id, true).await;
        }
    }

    pub(super) async fn note_end(&self, call_id: &str, is_canceled: bool) {
        let end = RequestedEnd {
            call_id: call_id.to_owned(),
            at: now(),
            is_canceled,
        };
        self.requested.lock().await.ends.push(end);
    }
}
