use mongodb::bson::{Document, doc};

use crate::support::with_dao;

#[tokio::test]
async fn dialling_is_on_until_it_is_switched_off_and_stays_so() {
    with_dao(async |dao| {
        let switch = dao.dialing().await.unwrap();
        assert_eq!((switch.on, switch.since, switch.reason), (true, None, None));
        let off = dao.switch_dialing(false, Some("fraud")).await.unwrap();
        assert!(!off.on && off.since.is_some());
        assert_eq!(off.reason.as_deref(), Some("fraud"));
        assert_eq!(dao.dialing().await.unwrap(), off);
        let on = dao.switch_dialing(true, None).await.unwrap();
        assert_eq!(dao.dialing().await.unwrap(), on);
        assert_eq!((on.on, on.reason), (true, None));
    })
    .await;
}

#[tokio::test]
async fn a_switch_never_expires() {
    with_dao(async |dao| {
        let database = dao.database().await.unwrap();
        let counters = database.collection::<Document>("counters");
        let expiring =
            doc! { "_id": "dialing", "on": true, "expires_at": mongodb::bson::DateTime::now() };
        counters.insert_one(expiring).await.unwrap();
        dao.switch_dialing(false, None).await.unwrap();
        let stored = counters.find_one(doc! {}).await.unwrap().unwrap();
        assert!(!stored.contains_key("expires_at"), "{stored}");
    })
    .await;
}
