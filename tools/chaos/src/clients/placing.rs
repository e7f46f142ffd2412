//! How a client places a call: it retries until it has a final response, then hangs up or repeats the request.

use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::join_all;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::shared::{Placement, RETRY_TIME, Shared};
use super::tally::kind;
use crate::evidence::{KeyHistory, Response as CallResponse};
use crate::moment::now;
use crate::plan::{Order, Person};

/// The longest pause between two attempts, even if `Retry-After` asks for more.
const PAUSE_MAX: Duration = Duration::from_secs(3);

impl Shared {
    /// The request of an order that is first sent now.
    pub(super) fn placement(&self, order: &Order) -> Placement {
        let at = now();
        let queueing = order.queueing.as_ref();
        let person = queueing.map_or(Person::Anywhere, |queueing| queueing.person);
        let mut body = json!({
            "user_id": self.user(person),
            "to_number": order.to,
            "recording_enabled": order.recorded,
        });
        match &order.listening {
            Some(listening) => {
                for (name, value) in listening.fields.as_object().into_iter().flatten() {
                    body[name] = value.clone();
                }
            }
            None => body["script"] = order.script.as_str().into(),
        }
        if let Some(queueing) = queueing {
            queueing.extend(&mut body, &order.key, at);
        }
        Placement { body, at }
    }

    /// Sends the first requests of an order, which may be several concurrent ones.
    pub(super) async fn first_requests(
        &self,
        order: &Order,
        placement: &Placement,
        seed: u64,
    ) -> KeyHistory {
        let requests = (0..order.at_once).map(|nth| {
            let salt = (order.index * 64 + nth) as u64;
            self.final_response(
                order,
                placement,
                Rng::with_seed(seed.wrapping_mul(31).wrapping_add(salt)),
            )
        });
        let mut history = KeyHistory {
            key: order.key.clone(),
            to: order.to.clone(),
            attempts: order.max_attempts(),
            refusals: order.refusals(),
            ..KeyHistory::default()
        };
        for response in join_all(requests).await {
            history.add(response);
        }
        history
    }

    /// Hangs up, changes the call and repeats the request, as the order says.
    pub(super) async fn follow_up(
        &self,
        order: &Order,
        placement: &Placement,
        history: &mut KeyHistory,
        seed: u64,
    ) {
        let call_id = history
            .answers
            .iter()
            .find_map(|response| response.call_id.clone());
        let change = async {
            if let Some(call_id) = &call_id {
                self.change(order, placement, call_id).await;
            }
        };
        let rest = async {
            if let (Some(pause), Some(call_id)) = (order.hang_up_after, &call_id) {
                tokio::time::sleep(pause).await;
                self.hang_up(call_id).await;
            }
            if let Some(pause) = order.again_after {
                tokio::time::sleep(pause).await;
                let rng = Rng::with_seed(seed.wrapping_mul(37).wrapping_add(order.index as u64));
                history.add(self.final_response(order, placement, rng).await);
            }
        };
        tokio::join!(change, rest);
    }

    async fn hang_up(&self, call_id: &str) {
        let path = format!("/calls/{call_id}/hangup");
        let response = self.send(Method::POST, &path, &json!({}), None).await;
        let status = response.as_ref().ok().map(Response::status);
        let kind = kind(status, None);
        *self.tally.lock().await.hang_ups.entry(kind).or_default() += 1;
        if let Ok(response) = response
            && response.status().is_success()
        {
            let body: Value = response.json().await.unwrap_or_default();
            // A dialled call may also be `canceled` at Twilio, so this needs the reason.
            let is_canceled = body["status"] == "canceled" && body["status_reason"] == "requested";
            self.note_end(call_id, is_canceled).await;
        }
    }

    /// Retries until there is a final response. `None` if the client gives up.
    async fn final_response(
        &self,
        order: &Order,
        placement: &Placement,
        mut rng: Rng,
    ) -> Option<CallResponse> {
        let deadline = Instant::now() + RETRY_TIME;
        let mut pause = Duration::from_millis(200);
        loop {
            let (response, retry_after) = self.attempt(order, &placement.body).await;
            let status = response
                .as_ref()
                .and_then(|response| StatusCode::from_u16(response.status).ok());
            let code = response.as_ref().and_then(|response| response.code.clone());
            let kind = kind(status, code.as_deref());
            *self.tally.lock().await.answers.entry(kind).or_default() += 1;
            // A 502 with `Retry-After` has released the key.
            let is_free = |response: &CallResponse| response.status == 502 && retry_after.is_some();
            let is_final = |response: &CallResponse| response.is_final() && !is_free(response);
            if let Some(response) = response.filter(is_final) {
                return Some(response);
            }
            if Instant::now() > deadline {
                return None;
            }
            let wait = retry_after.unwrap_or(pause).min(PAUSE_MAX);
            tokio::time::sleep(wait.mul_f64(0.5 + rng.f64())).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Sends one request. Returns the response, if any, and its `Retry-After`.
    async fn attempt(
        &self,
        order: &Order,
        body: &Value,
    ) -> (Option<CallResponse>, Option<Duration>) {
        let request = self.send(Method::POST, "/calls/outbound", body, Some(&order.key));
        let Ok(response) = request.await else {
            return (None, None);
        };
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after");
        let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
        let Ok(text) = response.text().await else {
            return (None, None);
        };
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let field = |name: &str| body[name].as_str().map(str::to_owned);
        let response = CallResponse {
            status,
            code: field("code"),
            call_id: field("call_id"),
        };
        (Some(response), seconds.map(Duration::from_secs))
    }
}

impl KeyHistory {
    fn add(&mut self, response: Option<CallResponse>) {
        match response {
            Some(response) => self.answers.push(response),
            None => self.gave_up += 1,
        }
    }
}

impl CallResponse {
    /// Returns whether a client stops retrying: the call is placed, Twilio has refused it, or the request is invalid.
    fn is_final(&self) -> bool {
        match self.status {
            502 => self
                .code
                .as_deref()
                .is_some_and(|code| code.starts_with("twilio_")),
            429 => self.is_daily_cap(),
            409 => false,
            status => status < 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_retries_until_the_call_is_placed_or_refused() {
        let is_final = |status, code: &str| {
            let code = Some(code.to_owned()).filter(|code| !code.is_empty());
            CallResponse {
                status,
                code,
                call_id: None,
            }
            .is_final()
        };
        for (status, code) in [
            (201, ""),
            (202, ""),
            (502, "twilio_refused"),
            (422, "x"),
            (429, "number_daily_cap"),
        ] {
            assert!(is_final(status, code), "{status} {code}");
        }
        for (status, code) in [
            (409, "request_in_progress"),
            (429, "pace_exceeded"),
            (502, ""),
            (503, "x"),
            (500, ""),
        ] {
            assert!(!is_final(status, code), "{status} {code}");
        }
    }
}
