//! One sample call and one sample user. A test changes the fields that it is about.

use std::time::Duration;

use mongodb::bson::{DateTime, oid::ObjectId};
use outdial::{
    domain::{Call, CallSid, DialOutcome, Email, NewCall, OutboundCallRequest, User, WaitingFor},
    http::FieldErrors,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::identity::FROM_NUMBER;

/// Creates a call that Twilio has accepted. Its user doesn't exist, its [`new_sid`] is unique, and it isn't stored.
///
/// # Panics
///
/// Never.
#[must_use]
pub fn new_call() -> Call {
    call_of(json!({ "user_id": "", "to_number": "+12125550123", "script": "Hello." }))
}

/// Creates an accepted call that asks for 1 or 2, by the name `confirm`. It isn't stored.
///
/// # Panics
///
/// Never.
#[must_use]
pub fn new_listening_call() -> Call {
    call_of(json!({
        "user_id": "",
        "to_number": "+12125550123",
        "steps": [
            { "say": "You have an appointment on Monday." },
            {
                "id": "confirm",
                "ask": "Press 1 to confirm, or 2 to cancel.",
                "options": { "1": { "outcome": "confirmed" }, "2": { "outcome": "canceled" } },
            },
        ],
    }))
}

fn call_of(request: Value) -> Call {
    let request: OutboundCallRequest =
        deserr::deserialize::<_, _, FieldErrors>(request).expect("a valid request");
    let user_id = ObjectId::new().to_hex();
    let call = Call::new(NewCall {
        user_id: user_id.parse().expect("a valid id"),
        from_number: FROM_NUMBER.parse().expect("a valid number"),
        counted_number: &request.to_number.clone(),
        idempotency: None,
        created_by: None,
        may_take: Duration::ZERO,
        request,
    });
    Call {
        twilio_sid: Some(new_sid()),
        dial_outcome: Some(DialOutcome::Accepted),
        dial_deadline: None,
        answered_status: Some(201),
        ..call
    }
}

/// Creates a call of this user that waits in the dial queue, due at this time, for an hour. It isn't stored.
///
/// # Panics
///
/// Never.
#[must_use]
pub fn new_scheduled_call(user_id: &str, due_at: DateTime) -> Call {
    let expires_at = due_at.saturating_add_duration(Duration::from_hours(1));
    let call = Call {
        user_id: user_id.to_owned(),
        twilio_sid: None,
        dial_outcome: None,
        ..new_call()
    };
    call.scheduled(due_at, expires_at, WaitingFor::ScheduledTime)
}

/// Creates a user with this email address. The user isn't stored.
///
/// # Panics
///
/// If the email address is invalid.
#[must_use]
pub fn new_user(email: &str) -> User {
    let email: Email = email.parse().expect("a valid email address");
    User {
        id: ObjectId::new(),
        name: "Ada Lovelace".parse().expect("a valid name"),
        email_lower: email.lower(),
        idempotency_scope: None,
        request_hash: None,
        email,
        phone_number: "+12125550123".parse().expect("a valid number"),
        time_zone: None,
        created_by: None,
        created_at: DateTime::now(),
        updated_at: DateTime::now(),
    }
}

/// Creates a unique `CallSid`.
///
/// # Panics
///
/// Never.
#[must_use]
pub fn new_sid() -> CallSid {
    let sid = format!("CA{}", Uuid::new_v4().simple());
    sid.parse().expect("a valid CallSid")
}
