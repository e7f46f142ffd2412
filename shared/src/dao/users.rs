//! Users in the database.

use mongodb::bson::{Document, RawDocumentBuf, doc};

use super::{
    Dao, DaoError, List, Page, PageRequest, batches, insert_once,
    page::{find_page, total},
    stored::find_one,
};
use crate::domain::{BatchStatus, Email, PhoneNumber, TimeZone, User, UserId, UserUpdate};

/// The result of deleting a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserDeletion {
    /// The user was deleted.
    Deleted,
    /// No such user exists.
    NotFound,
    /// The user has calls, and was not deleted.
    HasCalls,
    /// The user has a batch that has not ended, and was not deleted.
    HasBatches,
}

impl Dao {
    /// Stores a new user.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; [`DaoError::Duplicate`] if another user has its e-mail address or idempotency key.
    pub async fn create_user(&self, user: &User) -> Result<(), DaoError> {
        self.with_timeout(|| async { insert_once(&self.users().await?, user.id, user).await })
            .await
    }

    /// Returns the user with this id.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_user(&self, id: UserId) -> Result<Option<User>, DaoError> {
        self.find_user(doc! { "_id": id.object_id() }).await
    }

    /// Returns the user with this e-mail address, in any case.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_user_by_email(&self, email: &Email) -> Result<Option<User>, DaoError> {
        self.find_user(doc! { "email_lower": email.lower() }).await
    }

    /// Returns the user that was created with this idempotency key ([`User::idempotency_scope`]).
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_user_by_idempotency_scope(
        &self,
        scope: &str,
    ) -> Result<Option<User>, DaoError> {
        self.find_user(doc! { "idempotency_scope": scope }).await
    }

    async fn find_user(&self, filter: Document) -> Result<Option<User>, DaoError> {
        self.with_timeout(|| async { find_one(&self.users().await?, filter.clone()).await })
            .await
    }

    /// Returns a page of all users, or of those with this number, newest first.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_users(
        &self,
        number: Option<&PhoneNumber>,
        request: &PageRequest,
    ) -> Result<Page<User>, DaoError> {
        let (list, filter) = match number {
            Some(number) => (
                List::UsersOfNumber(number.clone()),
                doc! { "phone_number": number.as_str() },
            ),
            None => (List::Users, doc! {}),
        };
        self.with_timeout(|| async {
            let users = self.users().await?;
            let total = total(&users, filter.clone(), request);
            let found = find_page(&users, filter.clone(), doc! {}, &list, request, total).await;
            found.map(|(page, total)| Page { total, ..page })
        })
        .await
    }

    /// Changes the fields that `update` has. Returns the changed user, or `None` if no such user exists.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`]; [`DuplicateKey::Email`](super::DuplicateKey::Email) if another user has the new e-mail address.
    pub async fn update_user(
        &self,
        id: UserId,
        update: &UserUpdate,
    ) -> Result<Option<User>, DaoError> {
        let mut fields = Document::new();
        if let Some(name) = &update.name.0 {
            fields.insert("name", name.as_str());
        }
        if let Some(email) = &update.email.0 {
            fields.insert("email", email.as_str());
            fields.insert("email_lower", email.lower());
        }
        if let Some(number) = &update.phone_number.0 {
            fields.insert("phone_number", number.as_str());
        }
        if let Some(zone) = &update.time_zone.0 {
            fields.insert("time_zone", zone.as_ref().map(TimeZone::as_str));
        }
        if fields.is_empty() {
            return self.get_user(id).await;
        }
        let change = doc! { "$set": fields, "$currentDate": { "updated_at": true } };
        self.with_timeout(|| async {
            let users = self.users().await?;
            let this = doc! { "_id": id.object_id() };
            users.update_one(this.clone(), change.clone()).await?;
            find_one(&users, this).await
        })
        .await
    }

    /// Deletes a user without calls and without batches that have not ended.
    ///
    /// A call or a batch that is stored between the check and the deletion keeps the id of the deleted user.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn delete_user(&self, id: UserId) -> Result<UserDeletion, DaoError> {
        self.with_timeout(|| async {
            let calls = self.calls().await?.clone_with_type::<RawDocumentBuf>();
            let call = calls
                .find_one(doc! { "user_id": id.to_string() })
                .projection(doc! { "_id": 1 })
                .await?;
            if call.is_some() {
                return Ok(UserDeletion::HasCalls);
            }
            let mut open = batches::of_user(id);
            let ended = [BatchStatus::Canceled, BatchStatus::Completed].map(BatchStatus::as_str);
            open.insert("status", doc! { "$nin": ended.to_vec() });
            let batches = self.batches().await?;
            if batches.count_documents(open).limit(1).await? > 0 {
                return Ok(UserDeletion::HasBatches);
            }
            let users = self.users().await?;
            let deleted = users.delete_one(doc! { "_id": id.object_id() }).await?;
            Ok(match deleted.deleted_count {
                0 => UserDeletion::NotFound,
                _ => UserDeletion::Deleted,
            })
        })
        .await
    }
}
