use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::{CountedCall, DailyCaps, Dao, DaoError, DuplicateKey, Taken},
    domain::{Call, UserId},
};

use crate::support::{call_of, with_dao};

/// The last millisecond of 2026-11-22, UTC.
const LATE: i64 = 1_795_391_999_999;

const NUMBER: &str = "+12125550123";
/// Base64 of its SHA-256.
const HASH: &str = "J-D6USPoO414rxFWAk_wFpT3zPQgqgo7Cxy9LwxAoz0";

/// A call of the user to a number.
fn call_to(number: &str, user: UserId, at: i64) -> CountedCall {
    CountedCall {
        user,
        number: number.parse().unwrap(),
        at: DateTime::from_millis(at),
    }
}

/// No number's cap is in the way.
fn caps(per_user: u32, in_all: u32) -> DailyCaps {
    DailyCaps {
        per_user,
        per_number: 1_000,
        in_all,
    }
}

async fn take(dao: &Dao, user: UserId, per_user: u32, in_all: u32) -> Taken {
    let call = call_to(NUMBER, user, LATE);
    dao.take_calls(&call, caps(per_user, in_all)).await.unwrap()
}

async fn take_to(dao: &Dao, number: &str, user: UserId, caps: [u32; 3]) -> Taken {
    let [per_user, per_number, in_all] = caps;
    let caps = DailyCaps {
        per_user,
        per_number,
        in_all,
    };
    let call = call_to(number, user, LATE);
    dao.take_calls(&call, caps).await.unwrap()
}

async fn count(dao: &Dao, id: &str) -> i64 {
    let database = dao.database().await.unwrap();
    let counters = database.collection::<Document>("counters");
    let counter = counters.find_one(doc! { "_id": id }).await.unwrap();
    counter.map_or(0, |counter| counter.get_i64("count").unwrap())
}

#[tokio::test]
async fn concurrent_requests_do_not_pass_a_cap_together() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let taken = join_all((0..50).map(|_| take(dao, user, 20, 1_000))).await;
        assert_eq!(
            taken.iter().filter(|taken| **taken == Taken::Taken).count(),
            20
        );
        assert!(taken.iter().all(|taken| *taken != Taken::CapReached));
        assert_eq!(count(dao, "calls:2026-11-22").await, 20);
        assert_eq!(count(dao, &format!("calls:2026-11-22:{user}")).await, 20);
    })
    .await;
}

#[tokio::test]
async fn the_common_cap_holds_across_users_and_costs_them_nothing() {
    with_dao(async |dao| {
        let (ada, bob) = (UserId::generate(), UserId::generate());
        assert_eq!(take(dao, ada, 5, 2).await, Taken::Taken);
        assert_eq!(take(dao, ada, 5, 2).await, Taken::Taken);
        assert_eq!(take(dao, bob, 5, 2).await, Taken::CapReached);
        assert_eq!(count(dao, &format!("calls:2026-11-22:{bob}")).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_cap_of_none_lets_nobody_through() {
    with_dao(async |dao| {
        let user = UserId::generate();
        assert_eq!(take(dao, user, 0, 5).await, Taken::UserCapReached);
        assert_eq!(take(dao, user, 5, 0).await, Taken::CapReached);
        assert_eq!(take(dao, user, 1, 1).await, Taken::Taken);
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_can_be_taken_again_and_no_more() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let call = call_to(NUMBER, user, LATE);
        assert_eq!(take(dao, user, 1, 1).await, Taken::Taken);
        assert_eq!(take(dao, user, 1, 1).await, Taken::UserCapReached);
        for _ in 0..2 {
            dao.give_back_calls(&call).await.unwrap();
        }
        assert_eq!(take(dao, user, 1, 1).await, Taken::Taken);
        assert_eq!(take(dao, user, 1, 1).await, Taken::UserCapReached);
    })
    .await;
}

#[tokio::test]
async fn the_cap_of_a_number_holds_across_users_and_costs_them_nothing() {
    with_dao(async |dao| {
        let (ada, bob) = (UserId::generate(), UserId::generate());
        let caps = [5, 1, 5];
        assert_eq!(take_to(dao, NUMBER, ada, caps).await, Taken::Taken);
        for user in [ada, bob] {
            let taken = take_to(dao, NUMBER, user, caps).await;
            assert_eq!(taken, Taken::NumberCapReached);
        }
        assert_eq!(
            take_to(dao, NUMBER, ada, [5, 0, 5]).await,
            Taken::NumberCapReached
        );
        let other = take_to(dao, "+12125550124", bob, caps).await;
        assert_eq!(other, Taken::Taken);
        assert_eq!(count(dao, &format!("calls:2026-11-22:{ada}")).await, 1);
        assert_eq!(count(dao, &format!("calls:2026-11-22:{bob}")).await, 1);
        assert_eq!(count(dao, "calls:2026-11-22").await, 2);
        assert_eq!(count(dao, &format!("calls:2026-11-22:to:{HASH}")).await, 1);
    })
    .await;
}

#[tokio::test]
async fn the_common_cap_costs_neither_the_user_nor_the_number() {
    with_dao(async |dao| {
        let (ada, bob) = (UserId::generate(), UserId::generate());
        assert_eq!(take_to(dao, NUMBER, ada, [5, 5, 1]).await, Taken::Taken);
        assert_eq!(
            take_to(dao, NUMBER, bob, [5, 5, 1]).await,
            Taken::CapReached
        );
        assert_eq!(count(dao, &format!("calls:2026-11-22:{bob}")).await, 0);
        assert_eq!(count(dao, &format!("calls:2026-11-22:to:{HASH}")).await, 1);
        let of_ada = call_to(NUMBER, ada, LATE);
        dao.give_back_calls(&of_ada).await.unwrap();
        assert_eq!(count(dao, &format!("calls:2026-11-22:to:{HASH}")).await, 0);
    })
    .await;
}

#[tokio::test]
async fn counters_that_are_made_at_the_same_moment_refuse_nobody() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let taken = join_all((0..12).map(|_| take(dao, user, 12, 12))).await;
        assert!(
            taken.iter().all(|taken| *taken == Taken::Taken),
            "{taken:?}"
        );
        assert_eq!(take(dao, user, 12, 13).await, Taken::UserCapReached);
        assert_eq!(take(dao, user, 13, 12).await, Taken::CapReached);
        assert_eq!(count(dao, &format!("calls:2026-11-22:{user}")).await, 12);
    })
    .await;
}

#[tokio::test]
async fn a_day_begins_at_midnight_utc() {
    with_dao(async |dao| {
        let user = UserId::generate();
        assert_eq!(take(dao, user, 1, 1).await, Taken::Taken);
        let midnight = call_to(NUMBER, user, LATE + 1);
        let next_day = dao.take_calls(&midnight, caps(1, 1)).await.unwrap();
        assert_eq!(next_day, Taken::Taken);
        assert_eq!(count(dao, "calls:2026-11-23").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_user_at_the_cap_takes_nothing_from_the_others_even_for_a_moment() {
    with_dao(async |dao| {
        let (ada, bob) = (UserId::generate(), UserId::generate());
        assert_eq!(take(dao, ada, 1, 2).await, Taken::Taken);
        let storm = join_all((0..20).map(|_| take(dao, ada, 1, 2)));
        let (refused, taken) = tokio::join!(storm, take(dao, bob, 1, 2));
        assert_eq!(taken, Taken::Taken);
        assert!(refused.iter().all(|taken| *taken == Taken::UserCapReached));
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_not_admitted_is_neither_stored_nor_counted() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let first = Call {
            idempotency_scope: Some("scope".to_owned()),
            ..call_of(user)
        };
        let admit = async |call: &Call, per_user, in_all| {
            let counted = CountedCall {
                user,
                number: call.to_number.clone(),
                at: call.created_at,
            };
            dao.admit_call(call, &counted, caps(per_user, in_all)).await
        };
        let counted = async |expected: i64| {
            let now = DateTime::now().try_to_rfc3339_string().unwrap();
            let id = format!("calls:{}", &now[..10]);
            assert_eq!(count(dao, &id).await, expected);
            assert_eq!(count(dao, &format!("{id}:{user}")).await, expected);
        };
        assert_eq!(admit(&first, 2, 2).await.unwrap(), Taken::Taken);
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
            (1, 2, Taken::UserCapReached),
            (2, 1, Taken::CapReached),
            (0, 2, Taken::UserCapReached),
            (2, 0, Taken::CapReached),
        ] {
            let call = call_of(user);
            assert_eq!(admit(&call, per_user, in_all).await.unwrap(), reached);
            assert_eq!(dao.get_call(call.call_id).await.unwrap(), None);
            counted(1).await;
        }
    })
    .await;
}
