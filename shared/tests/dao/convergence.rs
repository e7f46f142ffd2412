//! Tests that status updates converge in any order.

use std::collections::BTreeMap;

use mongodb::bson::{Document, doc};
use outdial::{
    dao::Dao,
    domain::{
        CallSid,
        CallStatus::{Busy, Completed, Failed, InProgress, Initiated, NoAnswer, Queued, Ringing},
        StatusUpdate,
    },
};
use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any},
    sample::{select, subsequence},
    strategy::ValueTree,
    test_runner::TestRunner,
};

use crate::support::{callback, conclusion, second, sid, stored_call, with_dao};

#[tokio::test]
async fn any_order_and_repetition_of_updates_ends_in_the_same_document() {
    const CASES: usize = 16;
    with_dao(async |dao| {
        let mut runner = TestRunner::default();
        for _ in 0..CASES {
            let (one, other) = two_orders().new_tree(&mut runner).unwrap().current();
            let ends = (apply_all(dao, &one).await, apply_all(dao, &other).await);
            assert_eq!(ends.0, ends.1, "after {one:#?}\nand after {other:#?}");
        }
    })
    .await;
}

/// Returns the document after these updates, without the fields that differ for each call.
async fn apply_all(dao: &Dao, updates: &[StatusUpdate]) -> Document {
    let call = stored_call(dao).await;
    let call_sid = sid();
    for update in updates {
        let update = StatusUpdate {
            call_sid: call_sid.clone(),
            ..update.clone()
        };
        dao.apply_status(Some(call.call_id), &update).await.unwrap();
    }
    let database = dao.database().await.unwrap();
    let calls = database.collection::<Document>("calls");
    let mut end = calls
        .find_one(doc! { "_id": call.id })
        .await
        .unwrap()
        .unwrap();
    for own in [
        "_id",
        "call_id",
        "user_id",
        "twilio_sid",
        "created_at",
        "updated_at",
    ] {
        end.remove(own);
    }
    let precedence = end.get_document("precedence").cloned();
    end.insert("precedence", precedence.map(sorted).unwrap_or_default());
    sorted(end)
}

/// Sorts the fields, because their order depends on the order of the updates.
fn sorted(document: Document) -> Document {
    document
        .into_iter()
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect()
}

fn two_orders() -> impl Strategy<Value = (Vec<StatusUpdate>, Vec<StatusUpdate>)> {
    let order = |updates: &[StatusUpdate]| {
        let twice = [updates, updates].concat();
        let least = updates.to_vec();
        (0..=updates.len(), Just(twice)).prop_flat_map(move |(repeated, twice)| {
            let some_twice = [&least[..], &twice[..repeated]].concat();
            Just(some_twice).prop_shuffle()
        })
    };
    (callbacks(), vec(conclusions(), 0..3)).prop_flat_map(move |(callbacks, conclusions)| {
        let mut updates = callbacks;
        for (at, conclusion) in (0..).zip(conclusions) {
            updates.push(StatusUpdate {
                at: second(10 - at),
                ..conclusion
            });
        }
        (order(&updates), order(&updates))
    })
}

fn callbacks() -> impl Strategy<Value = Vec<StatusUpdate>> {
    let ends = select(vec![Completed, Busy, NoAnswer, Failed]);
    let contradiction = select(vec![Completed, Failed, Queued]);
    (
        ends,
        contradiction,
        vec(facts(), 5),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_flat_map(|(end, contradiction, facts, has_sequences, has_tokens)| {
            let statuses = [Initiated, Ringing, InProgress, end, contradiction];
            let all: Vec<_> = (0..)
                .zip(statuses)
                .zip(facts)
                .map(|((sequence, status), facts)| {
                    let this = with_facts(callback(&some_sid(), status, sequence), &facts);
                    StatusUpdate {
                        sequence: this.sequence.filter(|_| has_sequences),
                        token: this.token.filter(|_| has_tokens),
                        ..this
                    }
                })
                .collect();
            subsequence(all, 0..=5)
        })
}

fn conclusions() -> impl Strategy<Value = StatusUpdate> {
    let statuses = select(vec![Queued, InProgress, Completed, Failed]);
    (statuses, facts())
        .prop_map(|(status, facts)| with_facts(conclusion(&some_sid(), status, second(0)), &facts))
}

type Facts = (Option<i64>, Option<i32>, Option<String>);

fn facts() -> impl Strategy<Value = Facts> {
    let words = select(vec!["human".to_owned(), "fax".to_owned()]);
    (
        option::of(0_i64..3),
        option::of(1_i32..3),
        option::of(words),
    )
}

fn with_facts(update: StatusUpdate, (duration, code, word): &Facts) -> StatusUpdate {
    StatusUpdate {
        duration_seconds: *duration,
        error_code: *code,
        answered_by: word.clone(),
        ..update
    }
}

fn some_sid() -> CallSid {
    "CA00000000000000000000000000000000".parse().unwrap()
}
