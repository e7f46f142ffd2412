use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::{CALL_TIMEOUT, CapCheck, DailyCaps, Dao, DaoError, DuplicateKey},
    domain::{Call, UserId},
};
use tokio::time::Instant;

use crate::support::{call_of, caps, with_dao};

/// The last millisecond of 2099-11-22, UTC. The server deletes counters of the past while a test runs.
const LATE: i64 = 4_099_075_199_999;

const NUMBER: &str = "+12125550123";
/// Base64 of its SHA-256.
const HASH: &str = "J-D6USPoO414rxFWAk_wFpT3zPQgqgo7Cxy9LwxAoz0";

fn late_call(user: UserId) -> Call {
    call_to(NUMBER, user)
}

/// A call of the user to a number, late in the day.
fn call_to(number: &str, user: UserId) -> Call {
    Call {
        to_number: number.parse().unwrap(),
        created_at: DateTime::from_millis(LATE),
        ..call_of(user)
    }
}

/// Counts a call of its own.
async fn take(dao: &Dao, user: UserId, per_user: u32, in_all: u32) -> CapCheck {
    let call = late_call(user);
    dao.take_calls(&call, caps(per_user, in_all)).await.unwrap()
}

async fn take_to(dao: &Dao, number: &str, user: UserId, caps: [u32; 3]) -> CapCheck {
    let [per_user, per_number, in_all] = caps;
    let caps = DailyCaps {
        per_user,
        per_number,
        in_all,
    };
    dao.take_calls(&call_to(number, user), caps).await.unwrap()
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
async fn the_common_cap_holds_across_users_and_costs_them_nothing() {
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
async fn a_cap_of_none_lets_nobody_through() {
    with_dao(async |dao| {
        let user = UserId::generate();
        assert_eq!(take(dao, user, 0, 5).await, CapCheck::UserCapReached);
        assert_eq!(take(dao, user, 5, 0).await, CapCheck::CapReached);
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::Admitted);
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_can_be_taken_again_and_no_more() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let call = late_call(user);
        let taken = dao.take_calls(&call, caps(1, 1)).await.unwrap();
        assert_eq!(taken, CapCheck::Admitted);
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::UserCapReached);
        for _ in 0..2 {
            dao.give_back_calls(&call).await.unwrap();
        }
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::Admitted);
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::UserCapReached);
    })
    .await;
}

#[tokio::test]
async fn one_call_counts_once_however_often_it_is_counted() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let call = late_call(user);
        let counting = join_all((0..8).map(|_| dao.take_calls(&call, caps(1, 1)))).await;
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
async fn the_cap_of_a_number_holds_across_users_and_costs_them_nothing() {
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
async fn one_call_is_given_back_once_and_never_for_another() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let calls = [late_call(user), late_call(user)];
        for call in &calls {
            dao.take_calls(call, caps(2, 2)).await.unwrap();
        }
        for _ in 0..3 {
            dao.give_back_calls(&calls[0]).await.unwrap();
            dao.give_back_calls(&late_call(user)).await.unwrap();
        }
        assert_eq!(count(dao, "calls:2099-11-22").await, 1);
        assert_eq!(count(dao, &format!("calls:2099-11-22:{user}")).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_count_that_arrives_after_it_was_given_back_has_no_effect() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let call = late_call(user);
        dao.give_back_calls(&call).await.unwrap();
        dao.take_calls(&call, caps(1, 1)).await.unwrap();
        assert_eq!(count(dao, "calls:2099-11-22").await, 0);
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::Admitted);
        assert_eq!(count(dao, "calls:2099-11-22").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_meets_the_common_cap_may_be_counted_later() {
    with_dao(async |dao| {
        let (first, second) = (late_call(UserId::generate()), late_call(UserId::generate()));
        assert_eq!(
            dao.take_calls(&first, caps(1, 1)).await.unwrap(),
            CapCheck::Admitted
        );
        let capped = dao.take_calls(&second, caps(1, 1)).await.unwrap();
        assert_eq!(capped, CapCheck::CapReached);
        dao.give_back_calls(&first).await.unwrap();
        assert_eq!(
            dao.take_calls(&second, caps(1, 1)).await.unwrap(),
            CapCheck::Admitted
        );
        assert_eq!(count(dao, "calls:2099-11-22").await, 1);
    })
    .await;
}

/// A version before the `_id`s of calls were remembered increments the same counter.
#[tokio::test]
async fn a_counter_without_remembered_calls_goes_on_counting() {
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
            dao.take_calls(&call, caps(4, 9)).await.unwrap(),
            CapCheck::Admitted
        );
        assert_eq!(take(dao, user, 4, 9).await, CapCheck::UserCapReached);
        dao.give_back_calls(&call).await.unwrap();
        assert_eq!(count(dao, "calls:2099-11-22").await, 3);
    })
    .await;
}

#[tokio::test]
async fn a_counter_remembers_a_bounded_number_of_calls() {
    with_dao(async |dao| {
        let user = UserId::generate();
        for _ in 0..140 {
            let call = late_call(user);
            dao.take_calls(&call, caps(500, 500)).await.unwrap();
            dao.give_back_calls(&call).await.unwrap();
            dao.take_calls(&late_call(user), caps(500, 500))
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
async fn the_common_cap_costs_neither_the_user_nor_the_number() {
    with_dao(async |dao| {
        let (ada, bob) = (UserId::generate(), UserId::generate());
        let of_ada = call_to(NUMBER, ada);
        let taken = dao.take_calls(&of_ada, caps(5, 1)).await.unwrap();
        assert_eq!(taken, CapCheck::Admitted);
        assert_eq!(
            take_to(dao, NUMBER, bob, [5, 5, 1]).await,
            CapCheck::CapReached
        );
        assert_eq!(count(dao, &format!("calls:2099-11-22:{bob}")).await, 0);
        assert_eq!(count(dao, &format!("calls:2099-11-22:to:{HASH}")).await, 1);
        dao.give_back_calls(&of_ada).await.unwrap();
        assert_eq!(count(dao, &format!("calls:2099-11-22:to:{HASH}")).await, 0);
    })
    .await;
}

#[tokio::test]
async fn counters_that_are_made_at_the_same_moment_refuse_nobody() {
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
async fn a_day_begins_at_midnight_utc() {
    with_dao(async |dao| {
        let user = UserId::generate();
        assert_eq!(take(dao, user, 1, 1).await, CapCheck::Admitted);
        let midnight = Call {
            created_at: DateTime::from_millis(LATE + 1),
            ..call_of(user)
        };
        let next_day = dao.take_calls(&midnight, caps(1, 1)).await.unwrap();
        assert_eq!(next_day, CapCheck::Admitted);
        assert_eq!(count(dao, "calls:2099-11-23").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_user_at_the_cap_takes_nothing_from_the_others_even_for_a_moment() {
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
async fn a_call_that_is_not_admitted_is_neither_stored_nor_counted() {
    with_dao(async |dao| {
        let user = UserId::generate();
        let first = Call {
            idempotency_scope: Some("scope".to_owned()),
            ..call_of(user)
        };
        let admit = async |call: &Call, per_user, in_all| {
            let deadline = Instant::now() + CALL_TIMEOUT;
            dao.admit_call(call, caps(per_user, in_all), deadline).await
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
