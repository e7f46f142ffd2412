//! Calls every operation of the dial queue, the permits and the dispatcher.

use std::time::Duration;

use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::{
    dao::{Dao, LookRequest},
    domain::{Call, Lane, Pace, Priority, User, WaitingFor},
};
use testkit::new_scheduled_call;

pub async fn of_queue(dao: &Dao, ada: &User) {
    let now = DateTime::now();
    let lane = Lane::of(Priority::Normal, None);
    let calls: Vec<_> = (0..2)
        .map(|_| new_scheduled_call(&ada.user_id().to_string(), now))
        .collect();
    for call in &calls {
        dao.create_call(call).await.unwrap();
    }
    let later = now.saturating_add_duration(Duration::from_hours(2));
    let request = LookRequest {
        lanes: &[(lane, 9)],
        leased_max: 9,
        with_batches: true,
    };
    let look = dao.look(&request, later).await.unwrap();
    let claim = dao.claim(&look.lanes[0].due).await.unwrap();
    dao.end_lease(&claim.lease_id, &claim.calls[..1])
        .await
        .unwrap();
    let lease = &claim.lease_id;
    let call = dao
        .get_leased_call(claim.calls[1], lease)
        .await
        .unwrap()
        .unwrap();
    let call = Call {
        counted_as: Some(ObjectId::new()),
        ..call
    };
    dao.get_queued_callee(&call, ada.user_id(), std::slice::from_ref(&call.to_number))
        .await
        .unwrap();
    dao.begin_queued_dial(&call, lease, Duration::ZERO)
        .await
        .unwrap();
    dao.return_to_queue(&call, now, WaitingFor::Twilio)
        .await
        .unwrap();
    dao.give_back(&call, lease, None, WaitingFor::Permit)
        .await
        .unwrap();
    dao.cancel_untaken(&call).await.unwrap();
    dao.set_aside_call(call.call_id, lease).await.unwrap();
    dao.queue_call(&call, &calls[0]).await.unwrap();
    dao.expire_calls().await.unwrap();
    dao.cancel_by_rule(&call, "number_blocked").await.unwrap();
    let spellings = [call.to_number.clone()];
    dao.cancel_calls_to(&spellings, "opted_out").await.unwrap();
    dao.cancel_call(calls[0].call_id).await.unwrap();
    dao.stop_retries(calls[0].call_id, "answered")
        .await
        .unwrap();
    of_permits(dao).await;
    of_dispatcher(dao).await;
}

async fn of_permits(dao: &Dao) {
    let pace = Pace::per_second(1.0).unwrap();
    dao.create_permits().await.unwrap();
    dao.reserve_permit(pace, Duration::ZERO).await.unwrap();
    dao.pause_permits(pace, Duration::ZERO).await.unwrap();
    dao.note_waiting(None).await.unwrap();
}

async fn of_dispatcher(dao: &Dao) {
    dao.take_over_dispatch("one").await.unwrap();
    dao.wake_dispatch("two").await.unwrap();
    dao.renew_dispatch("one").await.unwrap();
    dao.stop_dispatch(None).await.unwrap();
    dao.take_probe().await.unwrap();
    dao.resume_dispatch().await.unwrap();
    dao.release_dispatch("one").await.unwrap();
    dao.end_dispatch("one").await.unwrap();
}
