//! Tests the results of machine detection: in any order, twice, too late, of another call.

use mongodb::bson::DateTime;
use outdial::{
    dao::{Applied, Dao, VerdictOutcome},
    domain::{
        Answer, Call, CallId, CallSid, CallStatus, MachineVerdict, Voicemail, VoicemailAction,
    },
};

use crate::support::{call, sid, with_dao};

async fn stored(dao: &Dao, change: impl FnOnce(&mut Call)) -> Call {
    let mut call = call();
    call.voicemail = Some(Voicemail {
        action: VoicemailAction::HangUp,
        message: None,
    });
    call.twilio_sid = Some(sid());
    call.status = CallStatus::InProgress;
    call.status_rank = call.status.rank();
    change(&mut call);
    dao.create_call(&call).await.unwrap();
    call
}

async fn record(
    dao: &Dao,
    id: CallId,
    sid: Option<&CallSid>,
    answered_by: &str,
    claims: bool,
) -> VerdictOutcome {
    let verdict = MachineVerdict {
        call_sid: sid.unwrap().clone(),
        answered_by: answered_by.to_owned(),
    };
    dao.record_verdict(id, &verdict, claims).await.unwrap()
}

#[tokio::test]
async fn machine_takes_a_call_over_once() {
    with_dao(async |dao| {
        let call = stored(dao, |_| {}).await;
        let sid = call.twilio_sid.as_ref();
        let first = record(dao, call.call_id, sid, "machine_start", true).await;
        let claimed = first.claimed.unwrap();
        assert_eq!(claimed.answered_by.as_deref(), Some("machine_start"));
        let claim = claimed.voicemail_claim.unwrap();
        for again in ["machine_start", "machine_end_beep", "human", "fax"] {
            let outcome = record(dao, call.call_id, sid, again, true).await;
            assert!(outcome.claimed.is_none(), "{again}");
        }
        let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
        assert_eq!(stored.voicemail_claim, Some(claim));
        assert_eq!(stored.answered_by.as_deref(), Some("machine_start"));
    })
    .await;
}

#[tokio::test]
async fn call_that_must_go_on_is_not_taken_over() {
    fn answered(call: &mut Call) {
        call.answers.push(Answer {
            step: "a".parse().unwrap(),
            nth: 1,
            digits: "1".to_owned(),
            option: None,
            is_accepted: false,
            at: DateTime::now(),
        });
    }
    fn ended(call: &mut Call) {
        call.status = CallStatus::Completed;
        call.status_rank = call.status.rank();
    }
    let changes: [fn(&mut Call); 5] = [
        answered,
        ended,
        |call| call.hangup_requested = true,
        |call| call.voicemail = None,
        |call| call.answered_by = Some("human".to_owned()),
    ];
    with_dao(async |dao| {
        for (at, change) in changes.into_iter().enumerate() {
            let call = stored(dao, change).await;
            let sid = call.twilio_sid.as_ref();
            let outcome = record(dao, call.call_id, sid, "machine_start", true).await;
            assert!(outcome.claimed.is_none(), "{at}");
            let after = dao.get_call(call.call_id).await.unwrap().unwrap();
            let expected = call.answered_by.as_deref().unwrap_or("machine_start");
            assert_eq!(after.answered_by.as_deref(), Some(expected));
        }
    })
    .await;
}

#[tokio::test]
async fn person_and_a_late_result_only_are_stored() {
    with_dao(async |dao| {
        for (answered_by, claims) in [
            ("human", true),
            ("unknown", true),
            ("machine_end_beep", false),
        ] {
            let call = stored(dao, |_| {}).await;
            let sid = call.twilio_sid.as_ref();
            let outcome = record(dao, call.call_id, sid, answered_by, claims).await;
            assert!(outcome.claimed.is_none(), "{answered_by}");
            let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(stored.answered_by.as_deref(), Some(answered_by));
            assert_eq!(stored.voicemail_claim, None);
        }
    })
    .await;
}

#[tokio::test]
async fn result_for_another_call_changes_nothing() {
    with_dao(async |dao| {
        let call = stored(dao, |_| {}).await;
        let other = sid();
        let outcome = record(dao, call.call_id, Some(&other), "fax", true).await;
        assert_eq!(outcome.applied, Applied::OtherCall);
        assert!(outcome.claimed.is_none());
        assert!(dao.get_call(call.call_id).await.unwrap().unwrap() == call);
        let unknown = record(dao, CallId::generate(), Some(&other), "fax", true).await;
        assert_eq!(unknown.applied, Applied::UnknownCall);
    })
    .await;
}

#[tokio::test]
async fn result_after_the_end_is_news_for_the_retries() {
    with_dao(async |dao| {
        let call = stored(dao, |call| {
            call.status = CallStatus::Completed;
            call.status_rank = call.status.rank();
            call.effects_open = true;
        })
        .await;
        let sid = call.twilio_sid.as_ref();
        for _ in 0..2 {
            let outcome = record(dao, call.call_id, sid, "machine_start", true).await;
            assert!(outcome.has_effects);
            let stored = dao.get_call(call.call_id).await.unwrap().unwrap();
            assert_eq!(stored.effects.len(), 1);
        }
    })
    .await;
}
