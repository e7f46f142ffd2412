//! Tests that outdial's databases are recognised.

use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};
use outdial::dao::Dao;
use outdial::dao::admin::{Presence, list_others, presence};

use crate::support::{stored_call, with_dao, with_database};

async fn insert(database: &Database, collection: &str, document: Document) {
    let collection = database.collection::<Document>(collection);
    collection.insert_one(document).await.unwrap();
}

async fn make_index(database: &Database, collection: &str, field: &str, name: &str) {
    let options = IndexOptions::builder()
        .name(name.to_owned())
        .unique(true)
        .build();
    let model = IndexModel::builder()
        .keys(doc! { field: 1 })
        .options(options)
        .build();
    let collection = database.collection::<Document>(collection);
    collection.create_index(model).await.unwrap();
}

#[tokio::test]
async fn indexes_alone_differ_from_a_database_in_use() {
    with_dao(async |dao| {
        let database = dao.database().await.unwrap();
        assert_eq!(presence(&database).await.unwrap(), Presence::IndexesOnly);
        stored_call(dao).await;
        assert_eq!(presence(&database).await.unwrap(), Presence::InUse);
    })
    .await;
}

#[tokio::test]
async fn empty_and_foreign_databases_are_not_outdials() {
    with_database(async |database, config| {
        assert_eq!(presence(database).await.unwrap(), Presence::Absent);
        // An earlier version's `dialing off` may have left its document in a wrong database.
        let dao = Dao::new(&config).unwrap();
        dao.switch_dialing(false, None, None).await.unwrap();
        make_index(database, "users", "email", "email_1").await;
        insert(database, "users", doc! { "email": "ada@example.com" }).await;
        insert(database, "calls", doc! { "call_id": 7, "to": "+1" }).await;
        assert_eq!(presence(database).await.unwrap(), Presence::Absent);
    })
    .await;
}

#[tokio::test]
async fn documents_alone_identify_an_outdial_database() {
    for (collection, document) in [
        (
            "users",
            doc! { "email": "ada@example.com", "phone_number": "+12125550123" },
        ),
        ("calls", doc! { "call_id": "x", "to_number": "" }),
        ("recordings", doc! { "twilio_sid": "RE0", "call_id": "x" }),
    ] {
        with_database(async |database, _| {
            let odd = doc! { "metadata": { "$oid": "order-17" }, "call_id": { "$date": "x" } };
            insert(database, collection, odd).await;
            insert(database, collection, document.clone()).await;
            assert_eq!(presence(database).await.unwrap(), Presence::InUse);
        })
        .await;
    }
}

#[tokio::test]
async fn one_index_of_an_older_version_identifies_an_outdial_database() {
    with_database(async |database, _| {
        make_index(database, "users", "email_lower", "email_lower_unique").await;
        assert_eq!(presence(database).await.unwrap(), Presence::IndexesOnly);
    })
    .await;
}

#[tokio::test]
async fn list_of_others_omits_the_database_itself() {
    with_dao(async |ours| {
        stored_call(ours).await;
        let ours = ours.database().await.unwrap();
        with_database(async |wrong, _| {
            insert(wrong, "users", doc! { "email": "ada@example.com" }).await;
            let others = list_others(wrong, 3).await;
            assert!(!others.contains(&wrong.name().to_owned()), "{others:?}");
            assert!(
                (1..=3).contains(&others.len()),
                "{others:?}, {}",
                ours.name()
            );
        })
        .await;
    })
    .await;
}
