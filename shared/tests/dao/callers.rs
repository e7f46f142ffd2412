//! Tests which call notes the opt-out of a person who calls back.

use mongodb::bson::DateTime;
use outdial::{
    dao::Dao,
    domain::{Call, CallStatus, EffectKind},
};

use crate::support::{call, second, sid, with_counted_dao, with_dao};

const NUMBER: &str = "+12125550123";

async fn called(dao: &Dao, age_seconds: i64, change: impl FnOnce(&mut Call)) -> Call {
    let now = DateTime::now().timestamp_millis();
    let mut call = Call {
        to_number: NUMBER.parse().unwrap(),
        twilio_sid: Some(sid()),
        created_at: DateTime::from_millis(now - age_seconds * 1_000),
        dial_begun_at: None,
        ..call()
    };
    change(&mut call);
    dao.create_call(&call).await.unwrap();
    call
}

async fn effects(dao: &Dao, call: &Call) -> Vec<EffectKind> {
    let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
    stored.effects.iter().map(|effect| effect.kind).collect()
}

#[tokio::test]
async fn newest_call_that_twilio_had_notes_the_opt_out_once() {
    with_counted_dao(async |dao, sent| {
        let older = called(dao, 7_200, |_| ()).await;
        let newest = called(dao, 3_600, |_| ()).await;
        let refused = called(dao, 60, |call| call.twilio_sid = None).await;
        let other = called(dao, 60, |call| {
            call.to_number = "+12125550124".parse().unwrap();
        })
        .await;
        let spellings = ["+12125550199", NUMBER].map(|it| it.parse().unwrap());
        for _ in 0..2 {
            let opting_out = dao.opt_caller_out(&spellings, DateTime::now());
            let (found, _, commands) = sent.during(opting_out).await;
            assert_eq!(found.unwrap().unwrap().as_str(), NUMBER);
            assert_eq!(commands, ["findAndModify"]);
            assert_eq!(effects(dao, &newest).await, [EffectKind::OptOut]);
        }
        for call in [&older, &refused, &other] {
            assert_eq!(effects(dao, call).await, []);
        }
    })
    .await;
}

#[tokio::test]
async fn opt_out_after_a_completed_one_is_noted_again() {
    with_dao(async |dao| {
        let call = called(dao, 60, |_| ()).await;
        let spellings = [NUMBER.parse().unwrap()];
        for n in 1..=2 {
            let found = dao.opt_caller_out(&spellings, DateTime::now()).await;
            assert!(found.unwrap().is_some());
            let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
            let effects: Vec<_> = stored.effects.iter().map(|effect| effect.n).collect();
            assert_eq!(effects, [n]);
            assert_eq!(stored.status, CallStatus::Initiated);
            dao.finish_effects(call.call_id, &effects).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn opt_out_counts_ninety_days_back_from_the_call_to_us() {
    const DAY: i64 = 24 * 3_600;
    with_dao(async |dao| {
        called(dao, 0, |call| call.created_at = second(0)).await;
        let spellings = [NUMBER.parse().unwrap()];
        for (days, is_found) in [(89, true), (91, false)] {
            let found = dao.opt_caller_out(&spellings, second(days * DAY)).await;
            assert_eq!(found.unwrap().is_some(), is_found, "{days}");
        }
    })
    .await;
}
