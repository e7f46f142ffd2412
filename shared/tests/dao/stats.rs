//! Tests statistics, and the counters of refusals.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::{CallStats, Dao},
    domain::{
        Call,
        CallStatus::{self, Busy, Canceled, Completed, Expired, Ringing, Scheduled},
        DialOutcome, RefusalCode, TimeRange,
    },
};

use crate::support::{call, with_dao};

/// A time on 2099-11-22, UTC, in seconds since midnight. The server deletes counters of the past while a test runs.
fn at(second: i64) -> DateTime {
    DateTime::from_millis(4_098_988_800_000 + second * 1_000)
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange::new(at(from), at(to)).unwrap()
}

async fn store(dao: &Dao, second: i64, status: CallStatus, duration_seconds: Option<i64>) {
    let call = Call {
        created_at: at(second),
        status,
        duration_seconds,
        ..call()
    };
    dao.create_call(&call).await.unwrap();
}

#[tokio::test]
async fn calls_in_a_range_are_counted_by_bucket_status_and_duration() {
    with_dao(async |dao| {
        for (second, status, duration) in [
            (-1, Busy, None),
            (0, Completed, Some(7)),
            (299, Completed, Some(7)),
            (299, Busy, None),
            (300, Ringing, None),
            (899, Completed, Some(0)),
            (900, Completed, Some(90)),
        ] {
            store(dao, second, status, duration).await;
        }
        let stats = dao.call_stats(&range(0, 900)).await.unwrap();
        let expected = CallStats {
            buckets: [
                (at(0), BTreeMap::from([(Completed, 2), (Busy, 1)])),
                (at(300), BTreeMap::from([(Ringing, 1)])),
                (at(600), BTreeMap::from([(Completed, 1)])),
            ]
            .into(),
            durations: [(0, 1), (7, 2)].into(),
            ..CallStats::default()
        };
        assert_eq!(stats, expected);
        assert_eq!((stats.total(), stats.is_truncated()), (5, false));
        assert_eq!(stats.answer_rate(), Some(0.75));
        assert_eq!(stats.median_duration_seconds(), Some(7.0));

        // Buckets start at full hours UTC, even if the range does not.
        let stats = dao.call_stats(&range(10, 7 * 3_600)).await.unwrap();
        let expected = [(
            at(0),
            BTreeMap::from([(Completed, 3), (Busy, 1), (Ringing, 1)]),
        )];
        assert_eq!(stats.buckets, expected.into());
    })
    .await;
}

#[tokio::test]
async fn calls_that_only_waited_do_not_lower_the_answer_rate() {
    with_dao(async |dao| {
        store(dao, 0, Completed, Some(7)).await;
        for (status, dial_outcome) in [
            (Scheduled, None),
            (Canceled, None),
            (Expired, None),
            (Busy, Some(DialOutcome::Accepted)),
        ] {
            let call = Call {
                created_at: at(1),
                due_at: Some(at(2)),
                status,
                dial_outcome,
                ..call()
            };
            dao.create_call(&call).await.unwrap();
        }
        let stats = dao.call_stats(&range(0, 100)).await.unwrap();
        let counts = [Scheduled, Completed, Busy, Canceled, Expired].map(|status| (status, 1));
        assert_eq!(stats.by_status(), counts.into());
        assert_eq!((stats.total(), stats.undialled), (5, 2));
        assert_eq!(stats.answer_rate(), Some(0.5));
    })
    .await;
}

#[tokio::test]
async fn range_without_calls_has_no_figures() {
    with_dao(async |dao| {
        store(dao, 100, Completed, Some(7)).await;
        let stats = dao.call_stats(&range(0, 100)).await.unwrap();
        assert_eq!(stats, CallStats::default());
        assert_eq!(stats.answer_rate(), None);
    })
    .await;
}

#[tokio::test]
async fn durations_of_every_numeric_type_count_and_others_do_not() {
    with_dao(async |dao| {
        let calls = dao.database().await.unwrap().collection("calls");
        for (nth, duration) in (0..).zip([
            doc! { "duration_seconds": 7_i32 },
            doc! { "duration_seconds": 7.0 },
            doc! { "duration_seconds": 8_i64 },
            doc! { "duration_seconds": "9" },
            doc! { "duration_seconds": null },
            doc! {},
        ]) {
            let mut call: Document = doc! {
                "call_id": nth.to_string(), "status": "completed", "created_at": at(nth),
            };
            call.extend(duration);
            calls.insert_one(call).await.unwrap();
        }
        let stats = dao.call_stats(&range(0, 100)).await.unwrap();
        assert_eq!(stats.durations, [(7, 2), (8, 1)].into());
        assert_eq!(stats.total(), 6);
    })
    .await;
}

#[tokio::test]
async fn concurrent_refusals_are_counted_by_code_and_slot() {
    with_dao(async |dao| {
        let day = 24 * 3_600;
        join_all((0..20).map(async |_| {
            dao.count_refusal(RefusalCode::DailyCap, at(0))
                .await
                .unwrap();
        }))
        .await;
        for (code, second) in [
            (RefusalCode::NumberBlocked, day - 1),
            (RefusalCode::DailyCap, day),
            (RefusalCode::OwnNumber, -1),
        ] {
            dao.count_refusal(code, at(second)).await.unwrap();
        }
        for (from, to, expected) in [
            (0, day, &[("daily_cap", 20), ("number_blocked", 1)][..]),
            // A slot counts fully if the range touches a part of it.
            (day - 1, day + 1, &[("daily_cap", 1), ("number_blocked", 1)]),
            (299, 300, &[("daily_cap", 20)]),
            (299, day - 300, &[("daily_cap", 20)]),
            (299, day - 299, &[("daily_cap", 20), ("number_blocked", 1)]),
            (300, day - 300, &[]),
            (-300, 1, &[("daily_cap", 20), ("own_number", 1)]),
            (-300, 0, &[("own_number", 1)]),
            (-day, 0, &[("own_number", 1)]),
            (
                -day,
                2 * day,
                &[("daily_cap", 21), ("number_blocked", 1), ("own_number", 1)],
            ),
            (2 * day, 3 * day, &[]),
        ] {
            let told = dao.refusals(&range(from, to)).await.unwrap();
            let expected = expected.iter().map(|&(code, n)| (code.to_owned(), n));
            assert_eq!(told, expected.collect(), "{from} to {to}");
        }
    })
    .await;
}

#[tokio::test]
async fn refusals_expire_after_400_days() {
    with_dao(async |dao| {
        dao.count_refusal(RefusalCode::DailyCap, at(0))
            .await
            .unwrap();
        let database = dao.database().await.unwrap();
        let counters = database.collection::<Document>("counters");
        let refusals = doc! { "_id": "refused:2099-11-22" };
        let stored = counters.find_one(refusals).await.unwrap().unwrap();
        let expires_at = *stored.get_datetime("expires_at").unwrap();
        assert_eq!(expires_at, at(400 * 24 * 3_600));
    })
    .await;
}

/// During a deployment, an earlier version also runs.
#[tokio::test]
async fn refusals_without_a_slot_count_for_the_whole_day_only() {
    with_dao(async |dao| {
        let day = 24 * 3_600;
        dao.count_refusal(RefusalCode::DailyCap, at(3_600))
            .await
            .unwrap();
        let counters = dao.database().await.unwrap().collection("counters");
        let this = doc! { "_id": "refused:2099-11-22" };
        let earlier = doc! { "$inc": { "by_code.daily_cap": 1_i64, "by_code.own_number": 1_i64 } };
        counters
            .clone_with_type::<Document>()
            .update_one(this.clone(), earlier)
            .await
            .unwrap();
        for (from, to, expected) in [
            (0, day, &[("daily_cap", 2), ("own_number", 1)][..]),
            (-day, day, &[("daily_cap", 2), ("own_number", 1)]),
            (0, day - 300, &[("daily_cap", 1)]),
            (300, day, &[("daily_cap", 1)]),
            (0, 3_600, &[]),
        ] {
            let told = dao.refusals(&range(from, to)).await.unwrap();
            let expected = expected.iter().map(|&(code, n)| (code.to_owned(), n));
            assert_eq!(told, expected.collect(), "{from} to {to}");
        }
        // The earlier version reads these sums.
        let stored: Document = counters.find_one(this).await.unwrap().unwrap();
        let by_code = stored.get_document("by_code").unwrap();
        assert_eq!(by_code, &doc! { "daily_cap": 2_i64, "own_number": 1_i64 });
    })
    .await;
}

#[tokio::test]
async fn counter_of_a_day_is_bounded() {
    with_dao(async |dao| {
        for nth in 0..400 {
            dao.count_refusal(RefusalCode::DailyCap, at(nth * 2))
                .await
                .unwrap();
        }
        let database = dao.database().await.unwrap();
        let counters = database.collection::<Document>("counters");
        let refusals = doc! { "_id": "refused:2099-11-22" };
        let stored = counters.find_one(refusals).await.unwrap().unwrap();
        let slots = stored.get_document("slots").unwrap();
        let names: Vec<_> = slots.keys().collect();
        assert_eq!(names, ["00:00", "00:05", "00:10"]);
        assert_eq!(
            counters
                .count_documents(doc! { "_id": { "$regex": "^refused:" } })
                .await
                .unwrap(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn call_refused_by_twilio_is_left_out() {
    with_dao(async |dao| {
        let calls = dao.database().await.unwrap().collection("calls");
        for (nth, outcome) in (0..).zip([
            doc! { "dial_outcome": "refused", "error_status": 400_i32, "error_code": 21_217_i32 },
            doc! { "dial_outcome": "refused", "error_status": 429_i32 },
            // The dial did not reach Twilio.
            doc! { "dial_outcome": "refused" },
            doc! { "dial_outcome": "refused", "error_status": null },
            doc! { "dial_outcome": "accepted" },
            doc! { "dial_outcome": "unknown" },
            doc! {},
        ]) {
            let mut call: Document = doc! {
                "call_id": nth.to_string(), "status": "failed", "created_at": at(nth),
            };
            call.extend(outcome);
            calls.insert_one(call).await.unwrap();
        }
        let stats = dao.call_stats(&range(0, 100)).await.unwrap();
        assert_eq!(stats.total(), 5);
    })
    .await;
}
