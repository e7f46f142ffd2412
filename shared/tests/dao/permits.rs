//! Tests the permits to dial: their pace, their order, and that an immediate call takes one only if nothing as urgent waits.

use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::{CapCheck, Dao, Permit},
    domain::{Pace, Priority, UserId},
};

use crate::support::{call_of, caps, with_dao};

fn pace(dials_per_second: f64) -> Pace {
    Pace::per_second(dials_per_second).unwrap()
}

async fn waits(dao: &Dao, pace: Pace, horizon: Duration, requests: usize) -> Vec<Duration> {
    let reserving = (0..requests).map(|_| dao.reserve_permit(pace, horizon));
    let reserved = join_all(reserving).await.into_iter();
    let mut waits: Vec<_> = reserved
        .filter_map(|permit| permit.unwrap())
        .map(|permit| permit.wait)
        .collect();
    waits.sort();
    waits
}

#[tokio::test]
async fn concurrent_reservations_are_spaced_by_the_pace() {
    with_dao(async |dao| {
        // One dial in ten seconds: the test cannot take that long.
        let waits = waits(dao, pace(0.1), Duration::from_secs(31), 12).await;
        assert_eq!(
            waits.len(),
            4,
            "now, and after 10, 20 and 30 seconds: {waits:?}"
        );
        for pair in waits.windows(2) {
            let apart = pair[1].checked_sub(pair[0]).unwrap();
            assert!(apart >= Duration::from_secs(5), "{waits:?}");
        }
        assert_eq!(waits[0], Duration::ZERO);
    })
    .await;
}

#[tokio::test]
async fn burst_is_one_second_of_the_pace() {
    with_dao(async |dao| {
        let at_once = waits(dao, pace(5.0), Duration::ZERO, 5).await;
        assert_eq!(at_once, [Duration::ZERO; 5]);
        // The bucket fills by one every 200 ms; the test may be slow.
        dao.pause_permits(pace(5.0), Duration::from_mins(1))
            .await
            .unwrap();
        assert!(
            waits(dao, pace(5.0), Duration::from_secs(50), 1)
                .await
                .is_empty()
        );
        assert_eq!(
            waits(dao, pace(5.0), Duration::from_secs(70), 1)
                .await
                .len(),
            1
        );
    })
    .await;
}

async fn take(dao: &Dao, priority: Priority) -> CapCheck {
    let call = call_of(UserId::generate());
    let permit = Some(Permit {
        pace: pace(0.1),
        priority,
    });
    let taken = dao.count_call(&call, caps(9, 1_000), permit).await.unwrap();
    if taken == CapCheck::NoPermit {
        let counters = dao
            .database()
            .await
            .unwrap()
            .collection::<Document>("counters");
        let mine = doc! { "counted": call.id };
        assert_eq!(
            counters.count_documents(mine).await.unwrap(),
            0,
            "the caps are given back"
        );
    }
    taken
}

#[tokio::test]
async fn immediate_call_without_a_permit_is_not_counted() {
    with_dao(async |dao| {
        assert_eq!(take(dao, Priority::Normal).await, CapCheck::Admitted);
        assert_eq!(take(dao, Priority::Urgent).await, CapCheck::NoPermit);
    })
    .await;
}

#[tokio::test]
async fn immediate_call_lets_waiting_calls_of_its_priority_go_first() {
    with_dao(async |dao| {
        dao.note_waiting(Some(Priority::Normal)).await.unwrap();
        assert_eq!(take(dao, Priority::Bulk).await, CapCheck::NoPermit);
        assert_eq!(take(dao, Priority::Normal).await, CapCheck::NoPermit);
        assert_eq!(take(dao, Priority::Urgent).await, CapCheck::Admitted);
    })
    .await;
    with_dao(async |dao| {
        dao.note_waiting(Some(Priority::Bulk)).await.unwrap();
        assert_eq!(take(dao, Priority::Normal).await, CapCheck::Admitted);
    })
    .await;
    with_dao(async |dao| {
        dao.note_waiting(Some(Priority::Urgent)).await.unwrap();
        dao.note_waiting(None).await.unwrap();
        assert_eq!(take(dao, Priority::Bulk).await, CapCheck::Admitted);
    })
    .await;
}

#[tokio::test]
async fn missing_bucket_grants_nothing_and_is_created_once() {
    with_dao(async |dao| {
        let database = dao.database().await.unwrap();
        let counters = database.collection::<Document>("counters");
        counters
            .delete_one(doc! { "_id": "permits" })
            .await
            .unwrap();
        assert_eq!(take(dao, Priority::Normal).await, CapCheck::NoPermit);
        assert!(
            waits(dao, pace(1.0), Duration::from_secs(9), 1)
                .await
                .is_empty()
        );
        for created in join_all((0..4).map(|_| dao.create_permits())).await {
            created.unwrap();
        }
        assert_eq!(take(dao, Priority::Normal).await, CapCheck::Admitted);
        assert!(DateTime::now() > DateTime::from_millis(0));
    })
    .await;
}
