//! Tests the stored result of calls: which changes note its effect, and that it follows them.

use mongodb::bson::DateTime;
use outdial::{
    dao::{Dao, StepEvent, indexes},
    domain::{
        Answer, Call,
        CallStatus::{self, Busy, Completed, Failed, InProgress, NoAnswer, Queued, Ringing},
        DialResult, EffectKind, LegStatus, MachineVerdict, StatusUpdate, Steps, TransferLeg,
        Voicemail, VoicemailAction, WaitingFor,
    },
    http::FieldErrors,
};
use proptest::{
    prelude::{Just, Strategy},
    sample::{select, subsequence},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::json;

use crate::support::{call, callback, conclusion, second, sid_of, with_dao};

fn steps() -> Steps {
    let steps = json!([
        { "id": "confirm", "ask": "Press 1.", "options": { "1": { "outcome": "confirmed" }, "2": {} } },
        { "id": "agent", "transfer": { "to": "+12125550199", "failed": { "outcome": "no_agent" } } },
    ]);
    deserr::deserialize::<_, _, FieldErrors>(steps).unwrap()
}

/// Returns a call with a result, whose dial is pending.
fn with_result() -> Call {
    Call {
        steps: Some(steps()),
        voicemail: Some(Voicemail {
            action: VoicemailAction::HangUp,
            message: None,
        }),
        ..call()
    }
}

async fn stored(dao: &Dao, call: Call) -> Call {
    dao.create_call(&call).await.unwrap();
    call
}

async fn read(dao: &Dao, call: &Call) -> Call {
    dao.get_call(call.call_id).await.unwrap().unwrap()
}

/// Stores the result as the function `effects` does.
async fn run_effects(dao: &Dao, call: &Call) -> Call {
    loop {
        let read = read(dao, call).await;
        if read.effects_of(EffectKind::Result).is_empty() {
            return read;
        }
        dao.store_result(&read).await.unwrap();
    }
}

async fn tell(dao: &Dao, call: &Call, update: &StatusUpdate) -> bool {
    let told = dao.apply_status(Some(call.call_id), update).await.unwrap();
    told.has_effects
}

async fn step(dao: &Dao, call: &Call, event: &StepEvent) {
    let sid = sid_of(call);
    dao.record_step(call.call_id, &sid, event).await.unwrap();
}

fn confirmed() -> StepEvent {
    StepEvent::Answered {
        answer: Answer {
            step: "confirm".parse().unwrap(),
            nth: 1,
            digits: "1".to_owned(),
            option: Some("1".to_owned()),
            is_accepted: false,
            at: second(4),
        },
        ends_ask: false,
    }
}

#[tokio::test]
async fn end_notes_the_result_once() {
    with_dao(async |dao| {
        let call = stored(dao, with_result()).await;
        let sid = sid_of(&call);
        step(dao, &call, &confirmed()).await;
        assert!(!tell(dao, &call, &callback(&sid, InProgress, 2)).await);
        assert_eq!(read(dao, &call).await.effects, []);
        for _ in 0..2 {
            assert!(tell(dao, &call, &callback(&sid, Completed, 3)).await);
            let ended = read(dao, &call).await;
            assert_eq!(ended.effects.len(), 1);
            assert_eq!(ended.effects[0].kind, EffectKind::Result);
            assert_eq!(ended.stored_result, None);
        }
        let ended = run_effects(dao, &call).await;
        assert_eq!(ended.stored_result.as_deref(), Some("confirmed"));
        assert_eq!(ended.effects, []);
        assert!(!tell(dao, &call, &callback(&sid, Completed, 3)).await);
    })
    .await;
}

#[tokio::test]
async fn result_of_a_call_that_changed_meanwhile_is_not_stored() {
    with_dao(async |dao| {
        let call = stored(dao, with_result()).await;
        tell(dao, &call, &callback(&sid_of(&call), Completed, 3)).await;
        let before = read(dao, &call).await;
        step(dao, &call, &confirmed()).await;
        assert!(!dao.store_result(&before).await.unwrap());
        let after = read(dao, &call).await;
        assert_eq!((after.stored_result, after.effects.len()), (None, 2));
        let ended = run_effects(dao, &call).await;
        assert_eq!(ended.stored_result.as_deref(), Some("confirmed"));
    })
    .await;
}

#[tokio::test]
async fn call_that_was_given_up_has_a_result_until_it_goes_on() {
    with_dao(async |dao| {
        let call = stored(dao, with_result()).await;
        assert!(dao.give_up_call(call.call_id, None).await.unwrap());
        let given_up = run_effects(dao, &call).await;
        assert_eq!(given_up.stored_result.as_deref(), Some("not_reached"));
        // Twilio has the call after all: a callback, or the response to the dial, says so.
        tell(dao, &call, &callback(&sid_of(&call), Ringing, 1)).await;
        assert_eq!(read(dao, &call).await.stored_result, None);
        assert!(!dao.store_result(&given_up).await.unwrap());

        let call = stored(dao, with_result()).await;
        assert!(dao.give_up_call(call.call_id, None).await.unwrap());
        run_effects(dao, &call).await;
        let accepted = accepted(&call, Queued);
        dao.record_dial(&call, &accepted, Some(201)).await.unwrap();
        assert_eq!(read(dao, &call).await.stored_result, None);
    })
    .await;
}

fn accepted(call: &Call, status: CallStatus) -> DialResult {
    DialResult::Accepted {
        sid: sid_of(call),
        status: Some(status),
    }
}

#[tokio::test]
async fn call_that_ends_while_it_waits_gets_its_result_at_once() {
    with_dao(async |dao| {
        let due = DateTime::now();
        let waiting = |call: Call| call.scheduled(due, due, WaitingFor::Permit);
        let canceled = stored(dao, waiting(with_result())).await;
        let expired = stored(dao, waiting(with_result())).await;
        let script_alone = stored(dao, waiting(call())).await;
        dao.cancel_call(canceled.call_id).await.unwrap();
        assert_eq!(dao.expire_calls().await.unwrap(), 2);
        for (call, result) in [
            (canceled, Some("not_reached")),
            (expired, Some("not_reached")),
            (script_alone, None),
        ] {
            let ended = read(dao, &call).await;
            assert_eq!(ended.result(), result);
            assert_eq!(ended.stored_result.as_deref(), result);
            assert_eq!(ended.effects, []);
        }
    })
    .await;
}

#[tokio::test]
async fn indexes_store_the_missing_results_of_ended_calls() {
    with_dao(async |dao| {
        let ended = |call| Call {
            status: NoAnswer,
            ..call
        };
        let missing = stored(dao, ended(with_result())).await;
        let goes_on = stored(dao, with_result()).await;
        let script_alone = stored(dao, ended(call())).await;
        let stored_before = Call {
            stored_result: Some("confirmed".to_owned()),
            ..ended(with_result())
        };
        let stored_before = stored(dao, stored_before).await;
        let database = dao.database().await.unwrap();
        let report = indexes::ensure(&database).await.unwrap().to_string();
        assert!(report.contains("calls.result: filled in 1"), "{report}");
        for (call, result) in [
            (missing, Some("not_reached")),
            (goes_on, None),
            (script_alone, None),
            (stored_before, Some("confirmed")),
        ] {
            let read = read(dao, &call).await;
            assert_eq!(read.stored_result.as_deref(), result);
        }
        let report = indexes::ensure(&database).await.unwrap().to_string();
        assert!(!report.contains("calls.result"), "{report}");
    })
    .await;
}

/// A change of a call that its result may depend on, or a step of the function `effects`.
#[derive(Debug, Clone)]
enum Change {
    Status(StatusUpdate),
    Step(StepEvent),
    Verdict(&'static str),
    Undelivered(bool),
    /// The response to the dial has this status.
    Dialled(CallStatus),
    GivenUp,
    /// A run of `effects` reads the call.
    Read,
    /// It stores the result of the call that it has read.
    Store,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    const RUNS: usize = 6;
    let ends = select(vec![Completed, Busy, NoAnswer, Failed]);
    let some = ends.prop_flat_map(|end| {
        let all = all_changes(end);
        let most = all.len();
        subsequence(all, 1..=most)
    });
    some.prop_flat_map(|some| {
        let repeated = some.iter().step_by(2).cloned();
        let runs = [Change::Read, Change::Store].into_iter().cycle();
        let all: Vec<_> = some
            .iter()
            .cloned()
            .chain(repeated)
            .chain(runs.take(2 * RUNS))
            .collect();
        Just(all).prop_shuffle()
    })
}

/// Every change of a call that ends with this status. [`apply`] gives it the call's own `CallSid`.
fn all_changes(end: CallStatus) -> Vec<Change> {
    let sid = sid_of(&call());
    let by_machine = StatusUpdate {
        answered_by: Some("machine_start".to_owned()),
        ..callback(&sid, InProgress, 2)
    };
    let leg = |status, connected| {
        let leg = TransferLeg::new(&"agent".parse().unwrap(), status);
        Change::Step(StepEvent::Transfer(TransferLeg {
            connected: Some(connected),
            ..leg
        }))
    };
    vec![
        Change::Status(callback(&sid, Ringing, 1)),
        Change::Status(callback(&sid, InProgress, 2)),
        Change::Status(by_machine),
        Change::Status(callback(&sid, end, 3)),
        Change::Status(conclusion(&sid, Completed, second(9))),
        Change::Step(StepEvent::Started),
        Change::Step(confirmed()),
        Change::Step(StepEvent::Unanswered("confirm".parse().unwrap())),
        leg(LegStatus::Completed, true),
        leg(LegStatus::NoAnswer, false),
        Change::Step(StepEvent::Ended(true)),
        Change::Step(StepEvent::CutOff),
        Change::Step(StepEvent::VoicemailLeft),
        Change::Step(StepEvent::OptedOut(None)),
        Change::Verdict("machine_end_beep"),
        Change::Verdict("human"),
        Change::Undelivered(false),
        Change::Undelivered(true),
        Change::Dialled(Queued),
        Change::Dialled(Failed),
        Change::GivenUp,
    ]
}

async fn apply(dao: &Dao, call: &Call, change: &Change, read_before: &mut Option<Call>) {
    let (id, sid) = (call.call_id, sid_of(call));
    match change {
        Change::Status(update) => {
            let update = StatusUpdate {
                call_sid: sid,
                ..update.clone()
            };
            tell(dao, call, &update).await;
        }
        Change::Step(event) => step(dao, call, event).await,
        Change::Verdict(answered_by) => {
            let verdict = MachineVerdict {
                call_sid: sid,
                answered_by: (*answered_by).to_owned(),
            };
            dao.record_verdict(id, &verdict, true).await.unwrap();
        }
        Change::Undelivered(is_certain) => {
            let recording = dao.record_undelivered(Some(id), Some(&sid), *is_certain);
            recording.await.unwrap();
        }
        Change::Dialled(status) => {
            let result = accepted(call, *status);
            dao.record_dial(call, &result, Some(201)).await.unwrap();
        }
        Change::GivenUp => {
            let known = read(dao, call).await.twilio_sid;
            dao.give_up_call(id, known.as_ref()).await.unwrap();
        }
        Change::Read => *read_before = Some(read(dao, call).await),
        Change::Store => {
            if let Some(read) = read_before.take() {
                dao.store_result(&read).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn after_any_order_and_repetition_of_changes_the_stored_result_is_the_computed_one() {
    // Each run draws other changes.
    const CASES: usize = 24;
    with_dao(async |dao| {
        let mut runner = TestRunner::default();
        for _ in 0..CASES {
            let changes = changes().new_tree(&mut runner).unwrap().current();
            let call = stored(dao, with_result()).await;
            let mut read_before = None;
            for change in &changes {
                apply(dao, &call, change, &mut read_before).await;
            }
            let end = run_effects(dao, &call).await;
            assert_eq!(end.stored_result.as_deref(), end.result(), "{changes:#?}");
        }
    })
    .await;
}
