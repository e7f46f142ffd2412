//! Invokes functions at the intervals of their schedules.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::functions::FUNCTIONS;
use crate::host::{Failure, Host};
use crate::{ACCOUNT, REGION};

/// Gets each failed invocation, with the function's name.
pub(crate) type OnFailure = Arc<dyn Fn(&str, &Failure) + Send + Sync>;

/// The event of a function's schedule, now.
#[must_use]
pub fn scheduled_event(function: &str) -> Value {
    json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        "region": REGION,
        "resources": [format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/local-{function}")],
        "detail": {},
    })
}

impl Host {
    /// Invokes each function on time by its schedules in the template, the first time now, until this is dropped. As in AWS, a run
    /// does not wait for the end of the one before.
    pub async fn run_schedules(
        &self,
        on_failure: impl Fn(&str, &Failure) + Send + Sync + 'static,
    ) -> Infallible {
        let on_failure: OnFailure = Arc::new(on_failure);
        let mut schedules = JoinSet::new();
        for function in FUNCTIONS.iter() {
            for every in &function.schedules {
                let (host, on_failure) = (self.clone(), on_failure.clone());
                schedules.spawn(host.repeat(function.name, *every, on_failure));
            }
        }
        loop {
            // A schedule never ends. Without any, there is nothing to wait for.
            if schedules.join_next().await.is_none() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn repeat(self, function: &'static str, every: Duration, on_failure: OnFailure) {
        let mut ticks = interval(every);
        // A machine that slept does not catch up.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut runs = JoinSet::new();
        loop {
            ticks.tick().await;
            while runs.try_join_next().is_some() {}
            let (host, on_failure) = (self.clone(), on_failure.clone());
            runs.spawn(async move {
                let event = scheduled_event(function);
                if let Err(failure) = host.invoke(function, &event).await {
                    on_failure(function, &failure);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_has_the_form_of_a_sample_event() {
        let sample: Value =
            serde_json::from_str(include_str!("../../../events/reconcile.json")).expect("JSON");
        let event = scheduled_event("reconcile");
        let names = |event: &Value| -> Vec<_> {
            let members = event.as_object().expect("an object");
            members.keys().cloned().collect()
        };
        assert_eq!(names(&event), names(&sample));
        for name in [
            "version",
            "detail-type",
            "source",
            "account",
            "region",
            "detail",
        ] {
            assert_eq!(event[name], sample[name], "{name}");
        }
        let time = event["time"].as_str().expect("text");
        assert_eq!(time.len(), sample["time"].as_str().expect("text").len());
    }
}
