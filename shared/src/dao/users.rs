use mongodb::bson::{Document, RawDocumentBuf, doc};

use super::{
    Dao, DaoError, List, Page, PageRequest, insert_once,
    page::{find_page, total},
    stored::find_one,
};
use crate::domain::{Email, PhoneNumber, TimeZone, User, UserId, UserUpdate};

/// How the wish to delete a user ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserDeletion {
    /// The user is gone.
    Deleted,
    /// There was none.
    NotFound,
    /// Calls name the user, who therefore stays.
    HasCalls,
}

impl Dao {
    /// Stores a new user.
    ///
    /// # Errors
    ///
    /// [`DaoError::Duplicate`] when its address or its idempotency key is another user's.
    pub async fn create_user(&self, user: &User) -> Result<(), DaoError> {
        self.with_timeout(|| async { insert_once(&self.users().await?, user.id, user).await })
            .await
    }

    /// The user of that name.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn get_user(&self, id: UserId) -> Result<Option<User>, DaoError> {
        self.find_user(doc! { "_id": id.object_id() }).await
    }

    /// The user of that address, whatever its case.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn get_user_by_email(&self, email: &Email) -> Result<Option<User>, DaoError> {
        self.find_user(doc! { "email_lower": email.lower() }).await
    }

    /// The user that was created with that idempotency key: [`User::idempotency_scope`].
    ///
    /// # Errors
    ///
    /// When the database is away.
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

    /// A part of all users, or of those who have the number, newest first.
    ///
    /// # Errors
    ///
    /// When the database is away.
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

    /// Changes what `update` has, and returns the user as it is then; none where there is no such user.
    ///
    /// # Errors
    ///
    /// [`DuplicateKey::Email`](super::DuplicateKey::Email) when the new address is another user's.
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

    /// Deletes a user without calls.
    ///
    /// A call that is stored between the look and the deletion keeps the name of a user who is gone.
    ///
    /// # Errors
    ///
    /// When the database is away.
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
