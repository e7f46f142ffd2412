//! Tests the counters behind the daily caps: counting, uncounting, and their bounds.

use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::CapCheck,
    domain::{Call, UserId},
};

use super::daily_caps::{LATE, count, late_call, take};
use crate::support::{call_of, caps, with_dao};

#[tokio::test]
async fn uncounted_calls_make_room_for_as_many_others() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let call = late_call(user);
        let taken = dao.count_call(&call, caps(1, 1), None).await.unwrap();
        assert_eq!(taken, CapCheck::Admitted);
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::UserCapReached);
        for _ in 0..2 {
            dao.uncount_call(&call).await.unwrap();
        }
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::Admitted);
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::UserCapReached);
    })
    .await;
}

#[tokio::test]
async fn counting_a_call_is_idempotent() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let call = late_call(user);
        let counting = join_all((0..8).map(|_| dao.count_call(&call, caps(1, 1), None))).await;
        for taken in counting {
            assert_eq!(taken.unwrap(), CapCheck::Admitted);
        }
        assert_eq!(count(dao, "calls:2099-11-22").await, 1);
        assert_eq!(count(dao, &format!("calls:2099-11-22:{user}")).await, 1);
        assert_eq!(take(dao, user, 1, 2).await, CapCheck::UserCapReached);
    })
    .await;
}

#[tokio::test]
async fn uncounting_a_call_is_idempotent_and_affects_no_other() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let calls = [late_call(user), late_call(user)];
        for call in &calls {
            dao.count_call(call, caps(2, 2), None).await.unwrap();
        }
        for _ in 0..3 {
            dao.uncount_call(&calls[0]).await.unwrap();
            dao.uncount_call(&late_call(user)).await.unwrap();
        }
        assert_eq!(count(dao, "calls:2099-11-22").await, 1);
        assert_eq!(count(dao, &format!("calls:2099-11-22:{user}")).await, 1);
    })
    .await;
}

#[tokio::test]
async fn count_after_uncount_has_no_effect() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let call = late_call(user);
        dao.uncount_call(&call).await.unwrap();
        dao.count_call(&call, caps(1, 1), None).await.unwrap();
        assert_eq!(count(dao, "calls:2099-11-22").await, 0);
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::Admitted);
        assert_eq!(count(dao, "calls:2099-11-22").await, 1);
    })
    .await;
}

#[tokio::test]
async fn call_refused_by_the_common_cap_can_be_counted_later() {
    with_dao(async |dao| {
        let (first, second) = (late_call(UserId::generate()), late_call(UserId::generate()));
        assert_eq!(
            dao.count_call(&first, caps(1, 1), None).await.unwrap(),
            CapCheck::Admitted
        );
        let capped = dao.count_call(&second, caps(1, 1), None).await.unwrap();
        assert_eq!(capped, CapCheck::CapReached);
        dao.uncount_call(&first).await.unwrap();
        assert_eq!(
            dao.count_call(&second, caps(1, 1), None).await.unwrap(),
            CapCheck::Admitted
        );
        assert_eq!(count(dao, "calls:2099-11-22").await, 1);
    })
    .await;
}

/// An earlier version increments the same counter, and does not store the `_id`s of calls.
#[tokio::test]
async fn counter_without_remembered_calls_still_counts() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let database = dao.database().await.unwrap();
        let counters = database.collection::<Document>("counters");
        for id in [
            "calls:2099-11-22".to_owned(),
            format!("calls:2099-11-22:{user}"),
        ] {
            let stored = doc! { "_id": id, "count": 3_i64, "expires_at": DateTime::now() };
            counters.insert_one(stored).await.unwrap();
        }
        let call = late_call(user);
        assert_eq!(
            dao.count_call(&call, caps(4, 9), None).await.unwrap(),
            CapCheck::Admitted
        );
        assert_eq!(take(dao, user, 4, 9).await, CapCheck::UserCapReached);
        dao.uncount_call(&call).await.unwrap();
        assert_eq!(count(dao, "calls:2099-11-22").await, 3);
    })
    .await;
}

#[tokio::test]
async fn counter_remembers_a_bounded_number_of_calls() {
    with_dao(async |dao| {
        let user = UserId::generate();
        for _ in 0..140 {
            let call = late_call(user);
            dao.count_call(&call, caps(500, 500), None).await.unwrap();
            dao.uncount_call(&call).await.unwrap();
            dao.count_call(&late_call(user), caps(500, 500), None)
                .await
                .unwrap();
        }
        let database = dao.database().await.unwrap();
        let counters = database.collection::<Document>("counters");
        let this = doc! { "_id": "calls:2099-11-22" };
        let counter = counters.find_one(this).await.unwrap().unwrap();
        assert_eq!(counter.get_i64("count").unwrap(), 140);
        for field in ["counted", "given_back"] {
            assert_eq!(counter.get_array(field).unwrap().len(), 128, "{field}");
        }
    })
    .await;
}

#[tokio::test]
async fn counters_created_concurrently_refuse_no_call() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let taken = join_all((0..12).map(|_| take(dao, user, 12, 12))).await;
        assert!(
            taken.iter().all(|taken| *taken == CapCheck::Admitted),
            "{taken:?}"
        );
        assert_eq!(take(dao, user, 12, 13).await, CapCheck::UserCapReached);
        assert_eq!(take(dao, user, 13, 12).await, CapCheck::CapReached);
        assert_eq!(count(dao, &format!("calls:2099-11-22:{user}")).await, 12);
    })
    .await;
}

#[tokio::test]
async fn day_begins_at_midnight_utc() {
    with_dao(async |dao| {
        let user = UserId::generate();
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::Admitted);
        let midnight = Call {
            created_at: DateTime::from_millis(LATE + 1),
            ..call_of(user)
        };
        let next_day = dao.count_call(&midnight, caps(1, 1), None).await.unwrap();
        assert_eq!(next_day, CapCheck::Admitted);
        assert_eq!(count(dao, "calls:2099-11-23").await, 1);
    })
    .await;
}
