//! The stage, the waiting calls and the messages of these tests.

use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use bson::{DateTime, doc};
use dial::App;
use outdial::{
    dao::{Claim, Dao, LookRequest},
    domain::{Call, Lane, Priority},
};
use serde_json::{Value, json};
use testkit::{Stage, Twilio, new_scheduled_call};

/// The simulator keeps calls to this number queued for half a minute, so that no webhook arrives during a test.
pub const QUEUED: &str = "+12125550109";

/// The function with its database and Twilio.
pub struct Scene {
    pub stage: Stage,
    pub twilio: Twilio,
    pub user: String,
    pub dao: Dao,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(|stage| stage).await
    }

    /// Returns a function with other variables.
    pub async fn with(change: impl FnOnce(Stage) -> Stage) -> Self {
        let twilio = Twilio::start().await;
        let stage = Stage::new().await.playing(&twilio);
        let stage = change(stage.set("DIALS_PER_SECOND", "1000"));
        Self {
            user: stage.user().await,
            dao: Dao::from_settings(&stage.settings()).unwrap(),
            twilio,
            stage,
        }
    }

    /// Stores a call that is due.
    pub async fn due_call(&self) -> Call {
        self.store(self.waiting_call()).await
    }

    pub async fn store(&self, call: Call) -> Call {
        self.dao.create_call(&call).await.unwrap();
        call
    }

    pub fn waiting_call(&self) -> Call {
        let call = new_scheduled_call(&self.user, ago(Duration::from_secs(1)));
        Call {
            to_number: QUEUED.parse().unwrap(),
            ..call
        }
    }

    /// Claims everything that is due in the normal lane.
    pub async fn claim(&self) -> Claim {
        let lane = Lane::of(Priority::Normal, None);
        let request = LookRequest {
            lanes: &[(lane, 100)],
            leased_max: 1,
            with_batches: false,
        };
        let look = self.dao.look(&request, DateTime::now()).await.unwrap();
        self.dao.claim(&look.lanes[0].due).await.unwrap()
    }

    /// Dials the calls of a claim, and returns the number of messages that failed.
    pub async fn dial(&self, claim: &Claim) -> usize {
        let app = App::from_settings(&self.stage.settings()).unwrap();
        dial::dial(&app, event(claim))
            .await
            .batch_item_failures
            .len()
    }

    /// Claims and dials what is due.
    pub async fn dial_due(&self) -> usize {
        let claim = self.claim().await;
        self.dial(&claim).await
    }

    pub async fn read(&self, call: &Call) -> Call {
        self.dao.get_call(call.call_id).await.unwrap().unwrap()
    }

    /// The numbers that Twilio was asked to call.
    pub async fn dials(&self) -> usize {
        self.twilio.calls().await.len()
    }

    pub async fn set(&self, call: &Call, changes: bson::Document) {
        let calls = self.stage.database().collection::<bson::Document>("calls");
        let updated = calls
            .update_one(doc! { "_id": call.id }, doc! { "$set": changes })
            .await;
        assert_eq!(updated.unwrap().matched_count, 1);
    }
}

pub fn ago(time: Duration) -> DateTime {
    let millis = i64::try_from(time.as_millis()).unwrap();
    DateTime::from_millis(DateTime::now().timestamp_millis() - millis)
}

/// The event with the messages of a claim.
pub fn event(claim: &Claim) -> SqsEvent {
    let messages = claim
        .calls
        .iter()
        .map(|call| json!({ "call_id": call, "lease_id": claim.lease_id }).to_string());
    event_of(&messages.collect::<Vec<_>>())
}

pub fn event_of(bodies: &[String]) -> SqsEvent {
    let records: Vec<Value> = bodies
        .iter()
        .enumerate()
        .map(|(at, body)| json!({ "messageId": at.to_string(), "body": body }))
        .collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}
