//! Clients of a run. Each places a call under its own idempotency key, and retries until it has a final response. Some
//! repeat their request, and some hang up.

mod placing;
mod queueing;
mod shared;
mod tally;
mod users;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::{Method, StatusCode};
use serde_json::Value;
use stack::Result;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use crate::evidence::KeyHistory;
use crate::plan::{Person, Plan};
use shared::Shared;

pub use shared::Requested;
pub use tally::Tally;

/// Number of orders placed concurrently.
const CONCURRENCY: usize = 12;

/// The clients of a run.
#[derive(Clone)]
pub struct Clients {
    shared: Arc<Shared>,
}

impl Clients {
    /// Creates clients of the API at this origin, and the users that they call for.
    ///
    /// # Errors
    ///
    /// If the API creates no user within two minutes.
    pub async fn new(
        client: reqwest::Client,
        url: &str,
        api_key: &str,
        plan: &Plan,
        zones: BTreeMap<Person, String>,
    ) -> Result<Self> {
        let mut shared = Shared {
            client,
            url: url.to_owned(),
            api_key: api_key.to_owned(),
            users: BTreeMap::new(),
            zones,
            begun: AtomicUsize::new(0),
            settled: AtomicUsize::new(0),
            histories: Mutex::default(),
            tally: Mutex::default(),
            requested: Mutex::default(),
        };
        let persons = Person::ALL.into_iter();
        for person in persons.filter(|person| *person == Person::Anywhere || plan.queue.is_some()) {
            let id = shared.create_user(person, plan.seed).await?;
            shared.users.insert(person, id);
        }
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Returns the time zone of each user, by the user's id.
    pub fn time_zones(&self) -> BTreeMap<String, Option<String>> {
        let users = self.shared.users.iter();
        users
            .map(|(person, id)| (id.clone(), self.shared.zones.get(person).cloned()))
            .collect()
    }

    /// Returns the ends and moves that clients asked for with success.
    pub async fn requested(&self) -> Requested {
        self.shared.requested.lock().await.clone()
    }

    /// Returns the id of a user.
    pub fn user(&self, person: Person) -> &str {
        self.shared.user(person)
    }

    /// Repeats a request until it has a response other than a failure of the service. `None` if it never has.
    pub async fn insist(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Option<(StatusCode, Value)> {
        self.shared.insist(method, path, body, None).await
    }

    /// [`Clients::insist`] on a POST under an idempotency key.
    pub async fn insist_as(
        &self,
        key: &str,
        path: &str,
        body: &Value,
    ) -> Option<(StatusCode, Value)> {
        self.shared
            .insist(Method::POST, path, body, Some(key))
            .await
    }

    /// Returns the number of orders that have begun.
    pub fn begun(&self) -> usize {
        self.shared.begun.load(Ordering::Relaxed)
    }

    /// Returns the number of orders with a final response, or whose clients have all given up.
    pub fn settled(&self) -> usize {
        self.shared.settled.load(Ordering::Relaxed)
    }

    /// Places all calls of the plan, and waits until every client is done.
    pub async fn place(&self, plan: &Plan) -> Result<()> {
        let places = Arc::new(Semaphore::new(CONCURRENCY));
        let mut under_way = JoinSet::new();
        for order in &plan.orders {
            let place = Arc::clone(&places).acquire_owned().await?;
            let (shared, order, seed) = (Arc::clone(&self.shared), order.clone(), plan.seed);
            shared.begun.fetch_add(1, Ordering::Relaxed);
            under_way.spawn(async move {
                let placement = shared.placement(&order);
                let mut history = shared.first_requests(&order, &placement, seed).await;
                shared.settled.fetch_add(1, Ordering::Relaxed);
                drop(place);
                shared
                    .follow_up(&order, &placement, &mut history, seed)
                    .await;
                shared.histories.lock().await.push(history);
            });
        }
        while let Some(ended) = under_way.join_next().await {
            ended?;
        }
        Ok(())
    }

    /// Returns all final responses.
    pub async fn histories(&self) -> Vec<KeyHistory> {
        self.shared.histories.lock().await.clone()
    }

    /// Returns the number of responses by kind.
    pub async fn tally(&self) -> Tally {
        self.shared.tally.lock().await.clone()
    }
}
