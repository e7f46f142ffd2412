//! The metric of a run.

use std::sync::{Arc, Mutex};

use bson::doc;
use dispatch::Trigger;
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use outdial::domain::Priority;

use crate::support::{LONG, Scene};

/// The recorded values of `OldestDueSeconds`.
#[derive(Default)]
struct Values(Mutex<Vec<f64>>);

impl HistogramFn for Values {
    fn record(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

#[derive(Default)]
struct OldestDue(Arc<Values>);

impl Recorder for OldestDue {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match key.name() {
            "OldestDueSeconds" => Histogram::from_arc(Arc::clone(&self.0)),
            _ => Histogram::noop(),
        }
    }
}

#[tokio::test]
async fn run_records_the_oldest_call_of_all_its_looks_once() {
    let recorder = OldestDue::default();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let scene = Scene::new().await;
    let calls = scene.due(1, Priority::Normal).await;
    let (report, ()) = tokio::join!(scene.run(Trigger::Schedule, LONG), async {
        while scene.sent().await.is_empty() {
            tokio::task::yield_now().await;
        }
        let released = doc! { "lease_until": bson::DateTime::from_millis(0) };
        scene.set(&calls[0], released).await;
        while scene.sent().await.is_empty() {
            tokio::task::yield_now().await;
        }
        scene.dao.cancel_call(calls[0].call_id).await.unwrap();
    });
    assert!(report.ticks > 1, "{report:?}");
    let values = recorder.0.0.lock().unwrap();
    assert!(matches!(values[..], [60.0..120.0]), "{values:?}");
}
