use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use outdial::domain::{Call, CallId, CallSid, CallStatus, DialOutcome, Email, Metadata, User};
use uuid::Uuid;

use crate::{FROM_NUMBER, Stage};

impl Stage {
    /// Stores a user, and returns the name of them.
    ///
    /// # Panics
    ///
    /// When the database does not take it.
    pub async fn user(&self) -> String {
        let id = ObjectId::new();
        let email: Email = format!("{id}@example.com").parse().expect("an address");
        let user = User {
            id,
            name: "Ada Lovelace".parse().expect("a name"),
            email_lower: email.lower(),
            idempotency_scope: None,
            request_hash: None,
            email,
            phone_number: "+12125550123".parse().expect("a number"),
            time_zone: None,
            created_by: None,
            created_at: DateTime::now(),
            updated_at: DateTime::now(),
        };
        let users = self.database().collection("users");
        users.insert_one(user).await.expect("the database takes it");
        id.to_hex()
    }

    /// Stores a call that Twilio has accepted under a name that [`new_sid`] made, changed as told, and returns it.
    ///
    /// # Panics
    ///
    /// When the database does not take it.
    pub async fn call(&self, change: impl FnOnce(&mut Call)) -> Call {
        let mut call = new_call();
        change(&mut call);
        call.status_rank = call.status.rank();
        let calls = self.database().collection::<Call>("calls");
        calls
            .insert_one(&call)
            .await
            .expect("the database takes it");
        call
    }

    /// A call as it is stored.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    pub async fn stored(&self, call_id: &str) -> Document {
        let calls = self.database().collection::<Document>("calls");
        let found = calls.find_one(doc! { "call_id": call_id }).await;
        found
            .expect("the database answers")
            .expect("there is such a call")
    }

    /// How many documents a collection holds.
    ///
    /// # Panics
    ///
    /// When the database does not answer.
    pub async fn count(&self, collection: &str) -> u64 {
        let documents = self.database().collection::<Document>(collection);
        let count = documents.count_documents(doc! {}).await;
        count.expect("the database answers")
    }
}

/// A call that Twilio has accepted under a name that [`new_sid`] made, of a user whom nobody knows. It is not stored.
///
/// # Panics
///
/// Never.
#[must_use]
pub fn new_call() -> Call {
    let call_id = CallId::generate();
    Call {
        id: call_id.object_id(),
        call_id,
        user_id: ObjectId::new().to_hex(),
        twilio_sid: Some(new_sid()),
        to_number: "+12125550123".parse().expect("a number"),
        from_number: FROM_NUMBER.parse().expect("a number"),
        status: CallStatus::Initiated,
        status_rank: CallStatus::Initiated.rank(),
        script: "Hello.".parse().expect("a script"),
        voice: None,
        language: None,
        machine_detection: None,
        metadata: Metadata::default(),
        recording_enabled: false,
        recording_url: None,
        dial_outcome: Some(DialOutcome::Accepted),
        dial_deadline: None,
        counted_number: None,
        announces_dial: false,
        dial_begun_at: None,
        answered_status: Some(201),
        hangup_requested: false,
        error_code: None,
        error_message: None,
        error_status: None,
        duration_seconds: None,
        answered_by: None,
        sip_response_code: None,
        delivery: None,
        events: Vec::new(),
        events_dropped: 0,
        idempotency_scope: None,
        request_hash: None,
        created_by: None,
        created_at: DateTime::now(),
        updated_at: DateTime::now(),
    }
}

/// A name of a call as Twilio makes them.
///
/// # Panics
///
/// Never.
#[must_use]
pub fn new_sid() -> CallSid {
    let sid = format!("CA{}", Uuid::new_v4().simple());
    sid.parse().expect("a name of Twilio's form")
}
