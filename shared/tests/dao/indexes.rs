//! Tests creating and checking indexes, and what that fills in, drops and reports.

use mongodb::{
    Database, IndexModel,
    bson::{DateTime, Document, doc, oid::ObjectId},
    options::IndexOptions,
};
use outdial::dao::{
    Dao,
    indexes::{self, Check},
};

use crate::support::{sid, user, with_database};

/// Creates the indexes of the earlier service.
async fn make_old_indexes(database: &Database) {
    for (collection, field, unique) in [
        ("users", "email", true),
        ("users", "phone_number", false),
        ("calls", "user_id", false),
        ("calls", "twilio_sid", true),
        ("calls", "created_at", false),
        ("calls", "status", false),
        ("recordings", "call_id", false),
        ("recordings", "twilio_sid", false),
    ] {
        let options = IndexOptions::builder()
            .unique(unique.then_some(true))
            .build();
        let model = IndexModel::builder()
            .keys(doc! { field: 1 })
            .options(options)
            .build();
        let collection = database.collection::<Document>(collection);
        collection.create_index(model).await.unwrap();
    }
}

async fn names(database: &Database, collection: &str) -> Vec<String> {
    let collection = database.collection::<Document>(collection);
    let mut names = collection.list_index_names().await.unwrap();
    names.sort();
    names
}

#[tokio::test]
async fn indexes_are_created_once() {
    with_database(async |database, _| {
        let first = indexes::ensure(database).await.unwrap();
        assert!(first.is_complete());
        assert!(
            first.to_string().contains("calls.call_id_unique: created"),
            "{first}"
        );
        let made = names(database, "calls").await;
        let second = indexes::ensure(database).await.unwrap();
        assert_eq!(second.to_string(), "every index is there");
        assert_eq!(names(database, "calls").await, made);
        assert_eq!(indexes::check(database).await.unwrap(), Check::default());
    })
    .await;
}

#[tokio::test]
async fn indexes_of_the_earlier_service_are_replaced_or_kept() {
    with_database(async |database, _| {
        make_old_indexes(database).await;
        let check = indexes::check(database).await.unwrap();
        assert!(
            check
                .missing
                .contains(&"calls.twilio_sid_unique".to_owned())
        );
        assert!(!check.missing.contains(&"users.email_1".to_owned()));
        assert_eq!(check.replaced.len(), 7, "{check:?}");
        assert!(check.replaced.contains(&"calls.status_1".to_owned()));
        let report = indexes::ensure(database).await.unwrap();
        assert!(report.is_complete(), "{report}");
        assert_eq!(
            names(database, "users").await,
            [
                "_id_",
                "created_at_id",
                "email_1",
                "email_lower_unique",
                "idempotency_scope_unique",
                "phone_number_created_at"
            ]
        );
        assert_eq!(
            names(database, "calls").await,
            [
                "_id_",
                "batch_id_created_at",
                "batch_progress",
                "batch_results",
                "call_id_unique",
                "created_at_id",
                "first_call_id_created_at",
                "idempotency_scope_unique",
                "open_dials",
                "open_effects",
                "open_ends",
                "open_recordings",
                "open_transcripts",
                "open_words",
                "result_created_at",
                "status_created_at",
                "to_number_created_at",
                "twilio_sid_unique",
                "user_id_created_at",
                "user_id_result_created_at",
                "user_id_status_created_at",
                "waiting_by_end",
                "waiting_by_lane",
                "waiting_by_lease"
            ]
        );
        assert_eq!(
            names(database, "recordings").await,
            ["_id_", "call_id_created_at", "twilio_sid_unique"]
        );
        assert_eq!(
            names(database, "blocked_numbers").await,
            ["_id_", "created_at_id", "number_unique"]
        );
        assert!(
            report.to_string().contains("calls.status_1: dropped"),
            "{report}"
        );
    })
    .await;
}

#[tokio::test]
async fn indexes_of_the_previous_version_are_dropped_after_their_successors_exist() {
    with_database(async |database, _| {
        let calls = database.collection::<Document>("calls");
        for keys in [
            doc! { "status": 1, "updated_at": 1 },
            doc! { "recording_settled": 1, "updated_at": 1 },
            doc! { "batch_id": 1, "status": 1, "outcome": 1, "attempt": 1, "next_call_id": 1 },
        ] {
            let model = IndexModel::builder().keys(keys).build();
            calls.create_index(model).await.unwrap();
        }
        let check = indexes::check(database).await.unwrap();
        assert_eq!(
            check.replaced,
            [
                "calls.batch_id_1_status_1_outcome_1_attempt_1_next_call_id_1",
                "calls.status_1_updated_at_1",
                "calls.recording_settled_1_updated_at_1"
            ]
        );
        indexes::ensure(database).await.unwrap();
        let left = names(database, "calls").await;
        assert!(left.iter().all(|name| !name.ends_with("_1")), "{left:?}");
        assert_eq!(indexes::check(database).await.unwrap(), Check::default());
    })
    .await;
}

#[tokio::test]
async fn counters_expire() {
    with_database(async |database, _| {
        indexes::ensure(database).await.unwrap();
        let mut stored = database
            .collection::<Document>("counters")
            .list_indexes()
            .await
            .unwrap();
        let mut expiring = 0;
        while stored.advance().await.unwrap() {
            let model: IndexModel = stored.deserialize_current().unwrap();
            if model.keys.contains_key("expires_at") {
                let after = model.options.unwrap().expire_after;
                assert_eq!(after, Some(std::time::Duration::ZERO));
                expiring += 1;
            }
        }
        assert_eq!(expiring, 1);
    })
    .await;
}

#[tokio::test]
async fn duplicates_are_reported_by_id_and_other_indexes_are_created() {
    with_database(async |database, _| {
        make_old_indexes(database).await;
        let recordings = database.collection::<Document>("recordings");
        let ids = [ObjectId::new(), ObjectId::new()];
        let others = [ObjectId::new(), ObjectId::new()];
        for id in ids {
            let doubled = doc! { "_id": id, "twilio_sid": "RE1", "call_id": "x" };
            recordings.insert_one(doubled).await.unwrap();
        }
        let users = database.collection::<Document>("users");
        for (id, email) in others.iter().zip(["Ada@example.com", "ada@example.com"]) {
            users
                .insert_one(doc! { "_id": id, "email": email })
                .await
                .unwrap();
        }

        let report = indexes::ensure(database).await.unwrap();
        assert!(!report.is_complete());
        let text = report.to_string();
        for id in ids.iter().chain(&others) {
            assert!(text.contains(&id.to_hex()), "{text}");
        }
        assert!(
            !text.contains("RE1") && !text.contains("example.com"),
            "{text}"
        );
        let made = names(database, "recordings").await;
        assert!(made.contains(&"twilio_sid_1".to_owned()), "{made:?}");
        assert!(!made.contains(&"twilio_sid_unique".to_owned()), "{made:?}");
        assert!(
            names(database, "calls")
                .await
                .contains(&"call_id_unique".to_owned())
        );

        recordings.delete_one(doc! { "_id": ids[0] }).await.unwrap();
        users.delete_one(doc! { "_id": others[0] }).await.unwrap();
        let repeated = indexes::ensure(database).await.unwrap();
        assert!(repeated.is_complete(), "{repeated}");
    })
    .await;
}

#[tokio::test]
async fn missing_fields_of_the_earlier_service_are_filled_in() {
    with_database(async |database, _| {
        let users = database.collection::<Document>("users");
        let now = DateTime::now();
        let ada = doc! {
            "_id": ObjectId::new(), "name": "Ada", "email": "ÄDA@Example.com",
            "phone_number": "+12125550123", "created_at": now, "updated_at": now,
        };
        users.insert_one(ada).await.unwrap();
        let call = ObjectId::new();
        let call_id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
        let calls = database.collection::<Document>("calls");
        let named = doc! { "_id": call, "call_id": call_id, "twilio_sid": sid().as_str() };
        calls.insert_one(named).await.unwrap();
        let recordings = database.collection::<Document>("recordings");
        for (sid, call) in [("RE1", call.to_hex()), ("RE2", ObjectId::new().to_hex())] {
            recordings
                .insert_one(doc! { "twilio_sid": sid, "call_id": call })
                .await
                .unwrap();
        }

        let report = indexes::ensure(database).await.unwrap().to_string();
        assert!(
            report.contains("users.email_lower: filled in 1"),
            "{report}"
        );
        assert!(
            report.contains("recordings.call_uuid: filled in 1"),
            "{report}"
        );
        let found = users.find_one(doc! { "email_lower": "äda@example.com" });
        assert!(found.await.unwrap().is_some());
        let filled = recordings
            .find_one(doc! { "twilio_sid": "RE1" })
            .await
            .unwrap()
            .unwrap();
        assert_eq!(filled.get_str("call_uuid").unwrap(), call_id);
    })
    .await;
}

#[tokio::test]
async fn call_with_a_recording_awaits_no_other() {
    with_database(async |database, _| {
        let calls = database.collection::<Document>("calls");
        for (call_id, url) in [
            ("with", Some("https://api.twilio.com/RE1")),
            ("without", None),
        ] {
            let call = doc! { "call_id": call_id, "recording_enabled": true, "recording_url": url };
            calls.insert_one(call).await.unwrap();
        }
        let report = indexes::ensure(database).await.unwrap().to_string();
        assert!(
            report.contains("calls.recording_settled: filled in 1"),
            "{report}"
        );
        for (call_id, settled) in [("with", true), ("without", false)] {
            let call = calls
                .find_one(doc! { "call_id": call_id })
                .await
                .unwrap()
                .unwrap();
            assert_eq!(call.get_bool("recording_settled").unwrap_or(false), settled);
        }
    })
    .await;
}

#[tokio::test]
async fn user_of_the_earlier_service_with_a_duplicate_address_is_reported() {
    with_database(async |database, config| {
        indexes::ensure(database).await.unwrap();
        let ada = user("ada@example.com");
        Dao::new(&config).unwrap().create_user(&ada).await.unwrap();
        let users = database.collection::<Document>("users");
        let late = ObjectId::new();
        let again = doc! { "_id": late, "email": "ADA@example.com" };
        users.insert_one(again).await.unwrap();
        let report = indexes::ensure(database).await.unwrap();
        assert!(!report.is_complete());
        let text = report.to_string();
        assert!(
            text.contains(&late.to_hex()) && text.contains(&ada.id.to_hex()),
            "{text}"
        );
    })
    .await;
}
