//! Tests which changes of a call note an effect.

use mongodb::bson::{DateTime, Document, doc};
use outdial::{
    dao::Dao,
    domain::{
        Call, CallId,
        CallStatus::{
            self, Busy, Completed, Failed, InProgress, Initiated, NoAnswer, Queued, Ringing,
        },
        DialResult, EffectKind, Retry, RetryReason, StatusUpdate, TwilioRefusal, WaitingFor,
    },
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::support::{call, callback, conclusion, second, sid_of, with_counted_dao, with_dao};

/// Returns a call with retries, whose dial is pending.
fn retried() -> Call {
    call().with_retry(Some(Retry {
        max_attempts: 3,
        on: RetryReason::ALL.to_vec(),
        delays_seconds: vec![60],
        expires_at: second(100_000),
    }))
}

async fn stored(dao: &Dao, call: Call) -> Call {
    dao.create_call(&call).await.unwrap();
    call
}

async fn read(dao: &Dao, call: &Call) -> Call {
    dao.get_call(call.call_id).await.unwrap().unwrap()
}

/// Returns the numbers and statuses of the open effects.
async fn effects(dao: &Dao, call: &Call) -> Vec<(i64, CallStatus)> {
    let effects = read(dao, call).await.effects;
    assert!(
        effects
            .iter()
            .all(|effect| effect.kind == EffectKind::NextAttempt)
    );
    effects.iter().map(|it| (it.n, it.status)).collect()
}

async fn apply(dao: &Dao, call: &Call, update: &StatusUpdate) -> bool {
    let outcome = dao.apply_status(Some(call.call_id), update).await;
    outcome.unwrap().has_effects
}

#[tokio::test]
async fn end_of_a_call_with_retries_notes_one_effect() {
    with_dao(async |dao| {
        for end in [Completed, Busy, NoAnswer, Failed, CallStatus::Canceled] {
            let call = stored(dao, retried()).await;
            let sid = sid_of(&call);
            for (status, sequence) in [(Initiated, 0), (Ringing, 1)] {
                assert!(!apply(dao, &call, &callback(&sid, status, sequence)).await);
                assert_eq!(effects(dao, &call).await, []);
            }
            let before = DateTime::now();
            // A repeated callback may belong to a writer that died before it sent its message.
            for _ in 0..3 {
                assert!(apply(dao, &call, &callback(&sid, end, 2)).await);
            }
            assert_eq!(effects(dao, &call).await, [(1, end)]);
            let noted = read(dao, &call).await.effects[0].at;
            let millis = noted.timestamp_millis() - before.timestamp_millis();
            assert!((-1_000..60_000).contains(&millis), "{millis}");
            dao.finish_effects(call.call_id, &[1]).await.unwrap();
            assert!(!apply(dao, &call, &callback(&sid, end, 2)).await);
            assert_eq!(effects(dao, &call).await, []);
        }
    })
    .await;
}

#[tokio::test]
async fn any_order_and_repetition_of_callbacks_notes_the_end_and_a_late_answer_once() {
    const CASES: usize = 24;
    with_dao(async |dao| {
        let mut runner = TestRunner::default();
        let ends = prop::sample::select(vec![Completed, Busy, NoAnswer, Failed]);
        let orders = (ends, any::<bool>()).prop_flat_map(|(end, has_tokens)| {
            let statuses = [Initiated, Ringing, InProgress, end];
            let callbacks = (0..).zip(statuses).map(|(sequence, status)| StatusUpdate {
                answered_by: (status == end).then(|| "human".to_owned()),
                ..callback(&sid_of(&call()), status, sequence)
            });
            let mut callbacks: Vec<_> = callbacks.collect();
            for callback in &mut callbacks {
                callback.token = callback.token.take().filter(|_| has_tokens);
            }
            let twice = [callbacks.clone(), callbacks].concat();
            Just(twice).prop_shuffle()
        });
        for _ in 0..CASES {
            let order = orders.new_tree(&mut runner).unwrap().current();
            let call = stored(dao, retried()).await;
            let end = order
                .iter()
                .map(|update| update.status)
                .max_by_key(|it| it.rank());
            let (mut has_ended, mut was_answered, mut count) = (false, false, 0);
            for update in &order {
                let update = StatusUpdate {
                    call_sid: sid_of(&call),
                    ..update.clone()
                };
                // An answer that comes after the end is news, once.
                let is_answer = update.status.is_answer();
                let is_late_answer = has_ended && is_answer && !was_answered;
                let is_end = !has_ended && update.status.is_terminal();
                count += i64::from(is_end || is_late_answer);
                has_ended |= update.status.is_terminal();
                was_answered |= is_answer;
                let has_effects = apply(dao, &call, &update).await;
                let tells = update.status.is_terminal() || is_answer;
                assert_eq!(has_effects, tells && has_ended, "{order:#?}");
                let expected: Vec<_> = (1..=count).map(|n| (n, end.unwrap())).collect();
                assert_eq!(effects(dao, &call).await, expected, "{order:#?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn concurrent_callbacks_note_one_effect() {
    with_dao(async |dao| {
        let call = stored(dao, retried()).await;
        let sid = sid_of(&call);
        let end = callback(&sid, Busy, 2);
        let told = (0..8).map(|_| apply(dao, &call, &end));
        let told = futures_util::future::join_all(told).await;
        assert_eq!(told, [true; 8]);
        assert_eq!(effects(dao, &call).await, [(1, Busy)]);
    })
    .await;
}

#[tokio::test]
async fn end_that_changes_is_noted_again_beside_the_first() {
    with_dao(async |dao| {
        let call = stored(dao, retried()).await;
        let sid = sid_of(&call);
        apply(dao, &call, &callback(&sid, Busy, 2)).await;
        apply(dao, &call, &callback(&sid, Completed, 3)).await;
        // Lower, so it changes nothing.
        apply(dao, &call, &callback(&sid, NoAnswer, 1)).await;
        assert_eq!(effects(dao, &call).await, [(1, Busy), (2, Completed)]);
        dao.finish_effects(call.call_id, &[1]).await.unwrap();
        assert_eq!(effects(dao, &call).await, [(2, Completed)]);
    })
    .await;
}

#[tokio::test]
async fn callback_after_an_end_from_the_rest_api_is_noted_again() {
    with_dao(async |dao| {
        let call = stored(dao, retried()).await;
        let sid = sid_of(&call);
        let api = conclusion(&sid, Completed, second(5));
        assert!(apply(dao, &call, &api).await);
        assert!(apply(dao, &call, &api).await);
        assert_eq!(effects(dao, &call).await, [(1, Completed)]);
        apply(dao, &call, &callback(&sid, Completed, 3)).await;
        assert_eq!(effects(dao, &call).await, [(1, Completed), (2, Completed)]);

        let reversed = stored(dao, retried()).await;
        let sid = sid_of(&reversed);
        apply(dao, &reversed, &callback(&sid, Completed, 3)).await;
        apply(dao, &reversed, &conclusion(&sid, Completed, second(5))).await;
        assert_eq!(effects(dao, &reversed).await, [(1, Completed)]);
    })
    .await;
}

#[tokio::test]
async fn late_word_about_who_answered_is_noted() {
    with_dao(async |dao| {
        let call = stored(dao, retried()).await;
        let sid = sid_of(&call);
        apply(dao, &call, &callback(&sid, Completed, 3)).await;
        let machine = StatusUpdate {
            answered_by: Some("machine_start".to_owned()),
            ..callback(&sid, InProgress, 2)
        };
        for _ in 0..2 {
            apply(dao, &call, &machine).await;
        }
        assert_eq!(effects(dao, &call).await, [(1, Completed), (2, Completed)]);
    })
    .await;
}

#[tokio::test]
async fn given_up_call_notes_nothing_until_it_really_ends() {
    with_dao(async |dao| {
        let call = stored(dao, retried()).await;
        assert!(dao.give_up_call(call.call_id, None).await.unwrap());
        assert_eq!(read(dao, &call).await.status, Failed);
        assert_eq!(effects(dao, &call).await, []);

        let sid = sid_of(&call);
        apply(dao, &call, &callback(&sid, Ringing, 1)).await;
        assert_eq!(effects(dao, &call).await, []);
        assert!(dao.give_up_call(call.call_id, Some(&sid)).await.unwrap());
        assert_eq!(effects(dao, &call).await, []);
        assert!(apply(dao, &call, &callback(&sid, Busy, 2)).await);
        assert_eq!(effects(dao, &call).await, [(1, Busy)]);
    })
    .await;
}

#[tokio::test]
async fn refused_dial_notes_an_effect() {
    with_dao(async |dao| {
        let refusal = TwilioRefusal {
            http_status: Some(400),
            code: Some(21_000),
            message: "no".to_owned(),
        };
        let refused = DialResult::Refused(refusal);
        let call = stored(dao, retried()).await;
        for _ in 0..2 {
            let stored = dao.record_dial(&call, &refused, None).await.unwrap();
            assert_eq!(stored.unwrap().effects.len(), 1);
        }
        assert_eq!(effects(dao, &call).await, [(1, Failed)]);
    })
    .await;
}

#[tokio::test]
async fn call_that_ended_before_twilio_answered_notes_an_effect() {
    with_dao(async |dao| {
        let call = stored(dao, retried()).await;
        let accepted = |status| DialResult::Accepted {
            sid: sid_of(&call),
            status: Some(status),
        };
        let recorded = dao.record_dial(&call, &accepted(Failed), Some(201)).await;
        assert_eq!(recorded.unwrap().unwrap().effects.len(), 1);
        dao.record_dial(&call, &accepted(Queued), Some(201))
            .await
            .unwrap();
        assert_eq!(effects(dao, &call).await, [(1, Failed)]);
    })
    .await;
}

#[tokio::test]
async fn call_that_ends_while_it_waits_notes_nothing() {
    with_dao(async |dao| {
        let waiting = || {
            let due = DateTime::now();
            retried().scheduled(due, due, WaitingFor::Permit)
        };
        let canceled = stored(dao, waiting()).await;
        let expired = stored(dao, waiting()).await;
        dao.cancel_call(canceled.call_id).await.unwrap();
        assert_eq!(dao.expire_calls().await.unwrap(), 1);
        for call in [canceled, expired] {
            assert!(read(dao, &call).await.status.is_terminal());
            assert_eq!(effects(dao, &call).await, []);
        }
    })
    .await;
}

#[tokio::test]
async fn call_without_retries_is_stored_as_before() {
    with_counted_dao(async |dao, sent| {
        let call = stored(dao, call()).await;
        let sid = sid_of(&call);
        apply(dao, &call, &callback(&sid, Ringing, 1)).await;
        let end = StatusUpdate {
            answered_by: Some("human".to_owned()),
            ..callback(&sid, Completed, 2)
        };
        let (has_effects, steps, commands) = sent.during(apply(dao, &call, &end)).await;
        assert!(!has_effects);
        assert_eq!((steps, commands), (1, vec!["update".to_owned()]));
        let calls = dao
            .database()
            .await
            .unwrap()
            .collection::<Document>("calls");
        let document = calls.find_one(doc! { "_id": call.id }).await.unwrap();
        let fields: Vec<_> = document.unwrap().keys().cloned().collect();
        assert!(
            !fields.iter().any(|field| field.starts_with("effect")),
            "{fields:?}"
        );

        let retried = stored(dao, retried()).await;
        let end = callback(&sid_of(&retried), Completed, 2);
        let (has_effects, steps, _) = sent.during(apply(dao, &retried, &end)).await;
        assert!(has_effects);
        assert_eq!(steps, 1);
    })
    .await;
}

#[tokio::test]
async fn calls_with_old_effects_are_listed_page_by_page() {
    with_dao(async |dao| {
        let mut ids: Vec<CallId> = Vec::new();
        for _ in 0..5 {
            let call = stored(dao, retried()).await;
            apply(dao, &call, &callback(&sid_of(&call), Busy, 2)).await;
            ids.push(call.call_id);
        }
        let done = ids.pop().unwrap();
        dao.finish_effects(done, &[1]).await.unwrap();
        stored(dao, retried()).await;
        ids.sort_by_key(|id| id.object_id());

        let now = DateTime::from_millis(DateTime::now().timestamp_millis() + 60_000);
        let first = dao.list_calls_with_effects(now, None, 3).await.unwrap();
        assert_eq!(first.calls, ids[..3]);
        assert_eq!(first.more_after, Some(ids[2].object_id()));
        let last = dao.list_calls_with_effects(now, first.more_after, 3).await;
        let last = last.unwrap();
        assert_eq!((&last.calls[..], last.more_after), (&ids[3..], None));
        let long_ago = DateTime::from_millis(0);
        let none = dao
            .list_calls_with_effects(long_ago, None, 3)
            .await
            .unwrap();
        assert_eq!(none.calls, []);
    })
    .await;
}
