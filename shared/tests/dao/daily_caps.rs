//! Tests that the daily caps of a user, a number and all calls admit no call too many.

use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::{CALL_TIMEOUT, CapCheck, DailyCaps, Dao, DaoError, DuplicateKey},
    domain::{Call, UserId},
    service::place_call::store_and_count,
};
use tokio::time::Instant;

use crate::support::{call_of, caps, with_dao};

/// The last millisecond of 2099-11-22, UTC. The server deletes counters of the past while a test runs.
pub const LATE: i64 = 4_099_075_199_999;

pub const NUMBER: &str = "+12125550123";

/// The SHA-256 of [`NUMBER`] in base64.
pub const HASH: &str = "J-D6USPoO414rxFWAk_wFpT3zPQgqgo7Cxy9LwxAoz0";

pub fn late_call(user: UserId) -> Call {
    call_to(NUMBER, user)
}

/// A call of the user to this number, late in the day.
pub fn call_to(number: &str, user: UserId) -> Call {
    Call {
        to_number: number.parse().unwrap(),
        created_at: DateTime::from_millis(LATE),
        ..call_of(user)
    }
}

/// Counts a new call.
pub async fn take(dao: &Dao, user: UserId, per_user: u32, in_all: u32) -> CapCheck {
    let call = late_call(user);
    dao.count_call(&call, caps(per_user, in_all), None)
        .await
        .unwrap()
}

pub async fn take_to(dao: &Dao, number: &str, user: UserId, caps: [u32; 3]) -> CapCheck {
    let [per_user, per_number, in_all] = caps;
    let caps = DailyCaps {
        per_user,
        per_number,
        in_all,
    };
    dao.count_call(&call_to(number, user), caps, None)
        .await
        .unwrap()
}

pub async fn count(dao: &Dao, id: &str) -> i64 {
    let database = dao.database().await.unwrap();
    let counters = database.collection::<Document>("counters");
    let counter = counters.find_one(doc! { "_id": id }).await.unwrap();
    counter.map_or(0, |counter| counter.get_i64("count").unwrap())
}

#[tokio::test]
async fn concurrent_requests_do_not_exceed_a_cap() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let taken = join_all((0..20).map(|_| take(dao, user, 8, 1_000))).await;
        assert!(taken.iter().all(|taken| *taken != CapCheck::CapReached));
        let taken = taken.iter().filter(|taken| **taken == CapCheck::Admitted);
        let stored = [
            count(dao, "calls:2099-11-22").await,
            count(dao, &format!("calls:2099-11-22:{user}")).await,
        ];
        assert_eq!((taken.count(), stored), (8, [8; 2]));
    })
    .await;
}

#[tokio::test]
async fn common_cap_holds_across_users_and_does_not_count_for_them() {
    with_dao(async |dao| {
        let (ada, bob) = (UserId::generate(), UserId::generate());
        assert_eq!(take(dao, ada, 5, 2).await, CapCheck::Admitted);
        assert_eq!(take(dao, ada, 5, 2).await, CapCheck::Admitted);
        assert_eq!(take(dao, bob, 5, 2).await, CapCheck::CapReached);
        assert_eq!(count(dao, &format!("calls:2099-11-22:{bob}")).await, 0);
    })
    .await;
}

#[tokio::test]
async fn cap_of_zero_admits_no_call() {
    with_dao(async |dao| {
        let user = UserId::generate();
        assert_eq!(take(dao, user, 0, 5).await, CapCheck::UserCapReached);
        assert_eq!(take(dao, user, 5, 0).await, CapCheck::CapReached);
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::Admitted);
    })
    .await;
}

#[tokio::test]
async fn cap_of_a_number_holds_across_users_and_does_not_count_for_them() {
    with_dao(async |dao| {
        let (ada, bob) = (UserId::generate(), UserId::generate());
        let caps = [5, 1, 5];
        assert_eq!(take_to(dao, NUMBER, ada, caps).await, CapCheck::Admitted);
        for user in [ada, bob] {
            let taken = take_to(dao, NUMBER, user, caps).await;
            assert_eq!(taken, CapCheck::NumberCapReached);
        }
        assert_eq!(
            take_to(dao, NUMBER, ada, [5, 0, 5]).await,
            CapCheck::NumberCapReached
        );
        let other = take_to(dao, "+12125550124", bob, caps).await;
        assert_eq!(other, CapCheck::Admitted);
        assert_eq!(count(dao, &format!("calls:2099-11-22:{ada}")).await, 1);
        assert_eq!(count(dao, &format!("calls:2099-11-22:{bob}")).await, 1);
        assert_eq!(count(dao, "calls:2099-11-22").await, 2);
        assert_eq!(count(dao, &format!("calls:2099-11-22:to:{HASH}")).await, 1);
    })
    .await;
}

#[tokio::test]
async fn call_refused_by_the_common_cap_counts_for_neither_user_nor_number() {
    with_dao(async |dao| {
        let (ada, bob) = (UserId::generate(), UserId::generate());
        let of_ada = call_to(NUMBER, ada);
        let taken = dao.count_call(&of_ada, caps(5, 1), None).await.unwrap();
        assert_eq!(taken, CapCheck::Admitted);
        assert_eq!(
            take_to(dao, NUMBER, bob, [5, 5, 1]).await,
            CapCheck::CapReached
        );
        assert_eq!(count(dao, &format!("calls:2099-11-22:{bob}")).await, 0);
        assert_eq!(count(dao, &format!("calls:2099-11-22:to:{HASH}")).await, 1);
        dao.uncount_call(&of_ada).await.unwrap();
        assert_eq!(count(dao, &format!("calls:2099-11-22:to:{HASH}")).await, 0);
    })
    .await;
}

#[tokio::test]
async fn user_at_the_cap_never_uses_the_common_cap() {
    with_dao(async |dao| {
        let (ada, bob) = (UserId::generate(), UserId::generate());
        assert_eq!(take(dao, ada, 1, 2).await, CapCheck::Admitted);
        let storm = join_all((0..20).map(|_| take(dao, ada, 1, 2)));
        let (refused, taken) = tokio::join!(storm, take(dao, bob, 1, 2));
        assert_eq!(taken, CapCheck::Admitted);
        assert!(
            refused
                .iter()
                .all(|taken| *taken == CapCheck::UserCapReached)
        );
    })
    .await;
}

#[tokio::test]
async fn call_that_is_not_admitted_is_neither_stored_nor_counted() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let first = Call {
            idempotency_scope: Some("scope".to_owned()),
            ..call_of(user)
        };
        let admit = async |call: &Call, per_user, in_all| {
            let deadline = Instant::now() + CALL_TIMEOUT;
            store_and_count(dao, call, caps(per_user, in_all), None, deadline).await
        };
        let counted = async |expected: i64| {
            let now = DateTime::now().try_to_rfc3339_string().unwrap();
            let id = format!("calls:{}", &now[..10]);
            assert_eq!(count(dao, &id).await, expected);
            assert_eq!(count(dao, &format!("{id}:{user}")).await, expected);
        };
        assert_eq!(admit(&first, 2, 2).await.unwrap(), CapCheck::Admitted);
        counted(1).await;
        let repeat = Call {
            idempotency_scope: first.idempotency_scope.clone(),
            ..call_of(user)
        };
        let answer = admit(&repeat, 2, 2).await;
        let taken = DuplicateKey::IdempotencyScope;
        assert!(
            matches!(&answer, Err(DaoError::Duplicate(key)) if *key == taken),
            "{answer:?}"
        );
        counted(1).await;
        for (per_user, in_all, reached) in [
            (1, 2, CapCheck::UserCapReached),
            (2, 1, CapCheck::CapReached),
            (0, 2, CapCheck::UserCapReached),
            (2, 0, CapCheck::CapReached),
        ] {
            let call = call_of(user);
            assert_eq!(admit(&call, per_user, in_all).await.unwrap(), reached);
            assert_eq!(dao.get_call(call.call_id).await.unwrap(), None);
            counted(1).await;
        }
    })
    .await;
}
