//! The function under test, and bodies of its requests.

use std::sync::LazyLock;

use axum::Router;
use batches::App;
use mongodb::bson::{DateTime, Document, doc};
use outdial::{config::Settings, dao::Dao, http::openapi};
use serde_json::{Value, json};
use testkit::{Answer, ApiDocument, Request, Stage};

static DOCUMENT: LazyLock<ApiDocument> =
    LazyLock::new(|| ApiDocument::new(&openapi::document([batches::openapi()])));

/// The function with its database and one user.
pub struct Api {
    pub stage: Stage,
    pub router: Router,
    pub user: String,
}

impl Api {
    pub async fn new() -> Self {
        Self::with(|stage| stage).await
    }

    /// Returns the function with other variables.
    pub async fn with(change: impl FnOnce(Stage) -> Stage) -> Self {
        // No test reads the dial queue.
        let queue = "http://127.0.0.1:1/123456789012/dial";
        let stage = change(Stage::new().await.set("DIAL_QUEUE_URL", queue));
        Self {
            user: stage.user().await,
            router: router(&stage),
            stage,
        }
    }

    /// A body of `POST /batches` with the required fields only.
    pub fn body(&self) -> Value {
        json!({ "name": "June", "user_id": self.user, "script": "Hello {{ name }}." })
    }

    /// Creates a batch, and returns its id.
    pub async fn batch(&self) -> String {
        self.batch_of(&self.body()).await
    }

    pub async fn batch_of(&self, body: &Value) -> String {
        let answer = self.send(&Request::post("/batches", body)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        text(&answer.json()["batch_id"])
    }

    pub async fn add(&self, id: &str, recipients: &Value) -> Answer {
        let body = json!({ "recipients": recipients });
        self.send(&Request::post(&format!("/batches/{id}/recipients"), &body))
            .await
    }

    pub async fn add_csv(&self, id: &str, csv: &str) -> Answer {
        self.send(&csv_request(id, csv)).await
    }

    /// Adds some recipients.
    pub async fn add_some(&self, id: &str, count: usize) {
        let answer = self.add(id, &some(count)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Creates a batch with some recipients.
    pub async fn filled(&self, count: usize) -> String {
        let id = self.batch().await;
        self.add_some(&id, count).await;
        id
    }

    /// Starts, pauses, resumes or cancels a batch.
    pub async fn change(&self, id: &str, what: &str) -> Answer {
        let request = Request::new("POST", &format!("/batches/{id}/{what}"));
        self.send(&request.with_key(testkit::API_KEY)).await
    }

    pub async fn read(&self, id: &str) -> Value {
        let answer = self.get(&format!("/batches/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(&Request::get(path)).await
    }

    /// Sends a request, and checks the response against the API document.
    pub async fn send(&self, request: &Request) -> Answer {
        let answer = request.send(&self.router).await;
        DOCUMENT.check(request, &answer);
        answer
    }

    pub fn dao(&self) -> Dao {
        Dao::from_settings(&self.settings()).unwrap()
    }

    fn settings(&self) -> Settings {
        self.stage.settings()
    }

    /// Changes stored documents.
    pub async fn set(&self, collection: &str, filter: Document, change: Document) {
        let documents = self.stage.database().collection::<Document>(collection);
        let changed = documents
            .update_many(filter, doc! { "$set": change })
            .await
            .unwrap();
        assert!(changed.matched_count > 0);
    }

    /// Ends the time in which recipients may still be added, as if it had passed.
    pub async fn nobody_adds(&self, id: &str) {
        self.adds_until(id, DateTime::from_millis(0)).await;
    }

    /// Lets the batch look as if a request were adding recipients.
    pub async fn somebody_adds(&self, id: &str) {
        let soon = DateTime::now().timestamp_millis() + 10_000;
        self.adds_until(id, DateTime::from_millis(soon)).await;
    }

    async fn adds_until(&self, id: &str, until: DateTime) {
        let change = doc! { "adding_until": until };
        self.set("batches", doc! { "_id": id }, change).await;
    }

    /// Returns the stored calls, in no particular order.
    pub async fn calls(&self) -> Vec<Document> {
        let calls = self.stage.database().collection::<Document>("calls");
        let mut found = calls.find(doc! {}).await.unwrap();
        let mut all = Vec::new();
        while found.advance().await.unwrap() {
            all.push(found.deserialize_current().unwrap());
        }
        all
    }
}

pub fn router(stage: &Stage) -> Router {
    batches::router(App::from_settings(&stage.settings()).unwrap())
}

pub fn csv_request(id: &str, csv: &str) -> Request {
    Request::new("POST", &format!("/batches/{id}/recipients"))
        .with_key(testkit::API_KEY)
        .header("content-type", "text/csv; charset=utf-8")
        .body(csv)
}

/// Different valid recipients.
pub fn some(count: usize) -> Value {
    (0..count)
        .map(|nth| json!({ "to_number": number(nth), "variables": { "name": format!("N{nth}") } }))
        .collect()
}

/// A valid number in New York.
pub fn number(nth: usize) -> String {
    format!("+1212555{:04}", 101 + nth)
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
