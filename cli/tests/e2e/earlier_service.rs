//! A database in the form of the earlier service.

use mongodb::bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};
use testkit::{FROM_NUMBER, new_sid};

pub const NUMBER: &str = "+12125550123";

pub const URL: &str = "https://api.twilio.com/2010-04-01/Accounts/AC0/Recordings/RE0";

/// Documents of the earlier service.
pub struct EarlierData {
    /// A user with calls, and one without.
    pub users: [ObjectId; 2],
    /// The `call_id`s of an ended call, of one in progress, and of one without a `CallSid`.
    pub calls: [String; 3],
    /// The `CallSid` of the call in progress.
    pub live_sid: String,
    /// The recording of the ended call.
    pub recording: ObjectId,
}

impl EarlierData {
    pub async fn store(database: &Database, recording_sid: &str) -> Self {
        let now = DateTime::now();
        let users = [ObjectId::new(), ObjectId::new()];
        for (id, name) in users.iter().zip(["Ada.Lovelace", "Charles.Babbage"]) {
            let email = format!("{name}@Example.com");
            let user = doc! {
                "_id": id, "name": name, "email": email, "phone_number": NUMBER,
                "created_at": now, "updated_at": now,
            };
            insert(database, "users", user).await;
        }
        let calls = [(); 3].map(|()| uuid::Uuid::new_v4().to_string());
        let ids = calls.each_ref().map(|_| ObjectId::new());
        let (sid, live_sid) = (new_sid(), new_sid());
        let call = |index: usize| {
            doc! {
                "_id": ids[index], "call_id": &calls[index], "user_id": users[0].to_hex(),
                "to_number": NUMBER, "from_number": FROM_NUMBER, "script": "Hello!",
                "recording_enabled": true, "created_at": now, "updated_at": now,
            }
        };
        let more = [
            doc! { "twilio_sid": sid.as_str(), "status": "completed", "recording_url": URL },
            doc! { "twilio_sid": live_sid.as_str(), "status": "ringing" },
            doc! { "twilio_sid": Bson::Null, "status": "initiated", "recording_url": Bson::Null },
        ];
        for (index, more) in more.into_iter().enumerate() {
            let mut call = call(index);
            call.extend(more);
            insert(database, "calls", call).await;
        }
        let recording = ObjectId::new();
        let of_the_first = doc! {
            "_id": recording, "call_id": ids[0].to_hex(), "twilio_sid": recording_sid, "recording_url": URL,
            "recording_status": "completed", "status": "completed", "created_at": now,
        };
        insert(database, "recordings", of_the_first).await;
        Self {
            users,
            calls,
            live_sid: live_sid.to_string(),
            recording,
        }
    }
}

async fn insert(database: &Database, collection: &str, document: Document) {
    let collection = database.collection::<Document>(collection);
    collection.insert_one(document).await.expect("it is stored");
}

pub async fn make_old_indexes(database: &Database) {
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
        collection.create_index(model).await.expect("an index");
    }
}
