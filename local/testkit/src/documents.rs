//! Stores and reads documents of a test's database.

use mongodb::bson::{Document, doc, oid::ObjectId};
use outdial::domain::Call;

use crate::samples::{new_call, new_user};
use crate::stage::Stage;

impl Stage {
    /// Stores a user, and returns the `id`.
    ///
    /// # Panics
    ///
    /// If the database refuses the document.
    pub async fn user(&self) -> String {
        let user = new_user(&format!("{}@example.com", ObjectId::new()));
        let id = user.id.to_hex();
        let users = self.database().collection("users");
        users.insert_one(user).await.expect("the user is stored");
        id
    }

    /// Stores a [`new_call`] with these changes, and returns it.
    ///
    /// # Panics
    ///
    /// If the database refuses the document.
    pub async fn call(&self, change: impl FnOnce(&mut Call)) -> Call {
        let mut call = new_call();
        change(&mut call);
        call.status_rank = call.status.rank();
        let calls = self.database().collection::<Call>("calls");
        calls.insert_one(&call).await.expect("the call is stored");
        call
    }

    /// Returns the document of a call.
    ///
    /// # Panics
    ///
    /// If there is no such call.
    pub async fn stored(&self, call_id: &str) -> Document {
        let calls = self.database().collection::<Document>("calls");
        let found = calls.find_one(doc! { "call_id": call_id }).await;
        found
            .expect("the database answers")
            .expect("the call exists")
    }

    /// Returns the number of documents in a collection.
    ///
    /// # Panics
    ///
    /// If the database doesn't answer.
    pub async fn count(&self, collection: &str) -> u64 {
        let documents = self.database().collection::<Document>(collection);
        let count = documents.count_documents(doc! {}).await;
        count.expect("the database answers")
    }
}
