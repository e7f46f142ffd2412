//! The stage, the waiting calls and the runs of these tests.

use std::time::Duration;

use bson::{DateTime, Document, doc};
use dispatch::{App, Report, Trigger, WIND_DOWN};
use outdial::{
    dao::Dao,
    domain::{BatchId, Call, Lane, Priority},
};
use serde_json::Value;
use testkit::{Queue, Stage, new_scheduled_call};

/// More time than a run of these tests takes.
pub const LONG: Duration = Duration::from_mins(2);

/// The function with its database and the dial queue.
pub struct Scene {
    pub stage: Stage,
    pub queue: Queue,
    pub dao: Dao,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(|stage| stage).await
    }

    /// Returns a function with other variables.
    pub async fn with(change: impl FnOnce(Stage) -> Stage) -> Self {
        let queue = Queue::new().await;
        let stage = Stage::new()
            .await
            .set("DIALS_PER_SECOND", "10")
            .set("DIAL_QUEUE_URL", queue.url());
        let stage = change(stage);
        Self {
            dao: Dao::from_settings(&stage.settings()).unwrap(),
            stage,
            queue,
        }
    }

    /// Stores calls of a lane that became due one after the other.
    pub async fn due(&self, count: usize, priority: Priority) -> Vec<Call> {
        let mut calls = Vec::new();
        for at in 0..count {
            let age = Duration::from_millis(60_000 - at as u64);
            let call = Call {
                priority: Some(priority),
                lane: Some(Lane::of(priority, None)),
                ..new_scheduled_call("65f0a1b2c3d4e5f601234567", ago(age))
            };
            self.dao.create_call(&call).await.unwrap();
            calls.push(call);
        }
        calls
    }

    /// Stores a running batch with calls that are due, and returns it with them.
    pub async fn batch(&self, due: usize, pace: Option<f64>) -> (BatchId, Vec<Call>) {
        let id = BatchId::generate();
        let mut batch = doc! { "_id": id.to_string(), "status": "running" };
        batch.extend(pace.map(|pace| ("calls_per_second".to_owned(), pace.into())));
        let batches = self.stage.database().collection::<Document>("batches");
        batches.insert_one(batch).await.unwrap();
        let call = || Call {
            priority: Some(Priority::Bulk),
            batch_id: Some(id),
            lane: Some(Lane::of(Priority::Bulk, Some(id))),
            ..new_scheduled_call("65f0a1b2c3d4e5f601234567", ago(Duration::from_mins(1)))
        };
        let calls: Vec<_> = (0..due).map(|_| call()).collect();
        if due > 0 {
            let stored = self.stage.database().collection::<Call>("calls");
            stored.insert_many(&calls).await.unwrap();
        }
        (id, calls)
    }

    pub async fn pause_batch(&self, id: BatchId) {
        let batches = self.stage.database().collection::<Document>("batches");
        let paused = doc! { "$set": { "status": "paused" } };
        let updated = batches
            .update_one(doc! { "_id": id.to_string() }, paused)
            .await;
        assert_eq!(updated.unwrap().matched_count, 1);
    }

    pub async fn batch_status(&self, id: BatchId) -> String {
        let batches = self.stage.database().collection::<Document>("batches");
        let batch = batches.find_one(doc! { "_id": id.to_string() }).await;
        let batch = batch.unwrap().unwrap();
        batch.get_str("status").unwrap().to_owned()
    }

    /// Takes the calls that were sent out of the queue, as if `dial` dialled them, and returns their ids.
    pub async fn dial_sent(&self) -> Vec<String> {
        let sent = self.sent().await;
        let calls = self.stage.database().collection::<Document>("calls");
        let dialled = doc! {
            "$set": { "status": "initiated" },
            "$unset": { "lease_id": "", "lease_until": "" },
        };
        let these = doc! { "call_id": { "$in": &sent } };
        calls.update_many(these, dialled).await.unwrap();
        sent
    }

    /// Runs once: a single look for due calls.
    pub async fn look(&self) -> Report {
        self.run(Trigger::Schedule, WIND_DOWN).await
    }

    pub async fn run(&self, trigger: Trigger, time: Duration) -> Report {
        let app = App::from_settings(&self.stage.settings()).unwrap();
        dispatch::dispatch(&app, trigger, time).await.unwrap()
    }

    /// The ids of the calls that were sent, in any order.
    pub async fn sent(&self) -> Vec<String> {
        let messages = self.queue.receive_all().await;
        let mut ids: Vec<_> = messages.iter().map(call_id).collect();
        ids.sort();
        ids
    }

    pub async fn read(&self, call: &Call) -> Call {
        self.dao.get_call(call.call_id).await.unwrap().unwrap()
    }

    pub async fn set(&self, call: &Call, changes: Document) {
        let calls = self.stage.database().collection::<Document>("calls");
        let updated = calls
            .update_one(doc! { "_id": call.id }, doc! { "$set": changes })
            .await;
        assert_eq!(updated.unwrap().matched_count, 1);
    }
}

fn call_id(message: &Value) -> String {
    message["call_id"].as_str().unwrap().to_owned()
}

pub fn ids(calls: &[Call]) -> Vec<String> {
    let mut ids: Vec<_> = calls.iter().map(|call| call.call_id.to_string()).collect();
    ids.sort();
    ids
}

pub fn tomorrow() -> DateTime {
    DateTime::now().saturating_add_duration(Duration::from_hours(24))
}

pub fn ago(time: Duration) -> DateTime {
    let millis = i64::try_from(time.as_millis()).unwrap();
    DateTime::from_millis(DateTime::now().timestamp_millis() - millis)
}
