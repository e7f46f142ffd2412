//! Tests the kill switch.

use mongodb::bson::{DateTime, Document, doc};

use crate::support::with_dao;

#[tokio::test]
async fn dialling_is_on_until_it_is_switched_off() {
    with_dao(async |dao| {
        let switch = dao.dialing().await.unwrap();
        assert_eq!((switch.on, switch.since, switch.reason), (true, None, None));
        let off = dao.switch_dialing(false, Some("fraud"), Some("ada@desk"));
        let off = off.await.unwrap();
        assert!(!off.on && off.since.is_some());
        assert_eq!(off.reason.as_deref(), Some("fraud"));
        assert_eq!(off.by.as_deref(), Some("ada@desk"));
        assert_eq!(dao.dialing().await.unwrap(), off);
        let on = dao.switch_dialing(true, None, None).await.unwrap();
        assert_eq!(dao.dialing().await.unwrap(), on);
        assert_eq!((on.on, on.reason, on.by), (true, None, None));
    })
    .await;
}

#[tokio::test]
async fn switch_never_expires() {
    with_dao(async |dao| {
        let database = dao.database().await.unwrap();
        let counters = database.collection::<Document>("counters");
        let expiring = doc! { "_id": "dialing", "on": true, "expires_at": DateTime::now() };
        counters.insert_one(expiring).await.unwrap();
        dao.switch_dialing(false, None, None).await.unwrap();
        let stored = counters.find_one(doc! {}).await.unwrap().unwrap();
        assert!(!stored.contains_key("expires_at"), "{stored}");
    })
    .await;
}

#[tokio::test]
async fn switch_of_an_earlier_version_is_read() {
    with_dao(async |dao| {
        let database = dao.database().await.unwrap();
        let since = DateTime::from_millis(1_795_391_999_000);
        let stored = doc! { "_id": "dialing", "on": false, "since": since, "reason": "fraud" };
        let counters = database.collection::<Document>("counters");
        counters.insert_one(stored).await.unwrap();
        let switch = dao.dialing().await.unwrap();
        assert_eq!((switch.on, switch.since), (false, Some(since)));
        assert_eq!((switch.reason.as_deref(), switch.by), (Some("fraud"), None));
    })
    .await;
}
