//! The messages of the dial queue, as evidence.

use std::time::UNIX_EPOCH;

use lambda::FirstDelivery;
use serde::Deserialize;

use crate::moment::{Moment, millis};

/// A message of the dial queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The call to dial.
    pub call_id: String,
    /// The lease of the claim that sent it.
    pub lease_id: String,
    /// When it was sent.
    pub at: Moment,
    /// When `dial` got it first.
    pub received_at: Moment,
}

#[derive(Deserialize)]
struct Body {
    call_id: String,
    lease_id: String,
}

impl Sent {
    /// Reads a message. `None` if its body is another one.
    pub fn read(delivery: &FirstDelivery) -> Option<Self> {
        let Body { call_id, lease_id } = serde_json::from_str(&delivery.body).ok()?;
        let received = delivery.invoked_at.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            call_id,
            lease_id,
            at: delivery.sent_at,
            received_at: millis(received),
        })
    }
}
