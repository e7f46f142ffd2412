//! The run's own actions and observations, as a part of the evidence.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::clients::{Clients, Requested};
use crate::evidence::{KeyHistory, QueueEvidence};
use crate::moment::Span;
use crate::operators::Operations;

/// The run's own actions and observations.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The responses to clients.
    pub keys: Vec<KeyHistory>,
    /// When the database failed.
    pub outages: Vec<Span>,
    /// The part about the dial queue, in a run that uses it.
    pub queue: Option<KnownOfQueue>,
}

/// The run's own actions on the dial queue.
#[derive(Clone, Debug, Default)]
pub struct KnownOfQueue {
    pub requested: Requested,
    pub operations: Operations,
    /// The time zone of each user.
    pub users: BTreeMap<String, Option<String>>,
    /// When something failed that delays dials.
    pub disturbed: Vec<Span>,
}

impl KnownOfQueue {
    /// Adds all to the evidence of the services.
    pub fn complete(&self, evidence: QueueEvidence) -> QueueEvidence {
        let (requested, operations) = (self.requested.clone(), self.operations.clone());
        QueueEvidence {
            ends: requested.ends,
            moves: requested.moves,
            blocked: operations.blocked,
            switched_off: operations.switched_off,
            batches: operations.batches,
            users: self.users.clone(),
            disturbed: [operations.disturbed, self.disturbed.clone()].concat(),
            ..evidence
        }
    }

    /// Reads how the service counts each batch now.
    pub async fn read_batches(&mut self, clients: &Clients) {
        for batch in &mut self.operations.batches {
            let Some(id) = &batch.batch_id else {
                continue;
            };
            let path = format!("/batches/{id}");
            if let Some((StatusCode::OK, body)) =
                clients.insist(Method::GET, &path, &json!({})).await
            {
                batch.counts = Some(counts(&body["progress"]["by_status"]));
            }
        }
    }
}

fn counts(by_status: &Value) -> BTreeMap<String, usize> {
    let counts = by_status.as_object().into_iter().flatten();
    let counts = counts.filter_map(|(status, count)| {
        let count = usize::try_from(count.as_u64()?).ok()?;
        (count > 0).then(|| (status.clone(), count))
    });
    counts.collect()
}
