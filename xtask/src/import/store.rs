//! Users into the database, many at once, and nobody twice.

use std::collections::HashMap;

use mongodb::bson::{DateTime, deserialize_from_slice, doc, oid::ObjectId};
use mongodb::error::ErrorKind;
use mongodb::{Collection, Database};
use outdial::dao::{DaoError, indexes};
use outdial::domain::{User, UserCreate};
use outdial::http::FieldError;

use crate::Result;

/// What has become of a line.
pub enum Outcome {
    Created,
    /// The same user was there already.
    Known,
    Refused(FieldError),
}

pub struct Store {
    users: Collection<User>,
    dry_run: bool,
}

/// Without it two runs at once could create somebody twice.
const INDEX: &str = "users.email_lower_unique";

impl Store {
    pub async fn open(database: &Database, dry_run: bool) -> Result<Self> {
        let found = indexes::check(database).await?;
        if found.missing.iter().any(|index| index == INDEX) {
            return Err(
                format!("the index {INDEX} is missing: run `cargo xtask indexes` first").into(),
            );
        }
        Ok(Self {
            users: database.collection("users"),
            dry_run,
        })
    }

    /// Stores those who are not there yet, and tells of each line what has become of it.
    pub async fn take(&self, batch: &[(u64, UserCreate)]) -> Result<Vec<(u64, Outcome)>, DaoError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let now = DateTime::now();
        let users: Vec<_> = batch.iter().map(|(_, body)| user(body, now)).collect();
        let mut there = self.find(&users).await?;
        let new: Vec<_> = users
            .iter()
            .filter(|user| !there.contains_key(&user.email_lower))
            .cloned()
            .collect();
        if !self.dry_run && !new.is_empty() && self.insert(&new).await? {
            there.extend(self.find(&users).await?);
        } else {
            for user in new {
                there.entry(user.email_lower.clone()).or_insert(Some(user));
            }
        }
        let outcomes = users
            .iter()
            .zip(batch)
            .map(|(user, (line, _))| (*line, outcome(user, there.get(&user.email_lower))));
        Ok(outcomes.collect())
    }

    /// The stored users who have one of these addresses, by it; `None` for one who cannot be read.
    async fn find(&self, users: &[User]) -> Result<HashMap<String, Option<User>>, DaoError> {
        let addresses: Vec<_> = users.iter().map(|user| &user.email_lower).collect();
        let mut found = self
            .users
            .find(doc! { "email_lower": { "$in": addresses } })
            .await?;
        let mut there = HashMap::new();
        while found.advance().await? {
            let user = found.current();
            if let Ok(address) = user.get_str("email_lower") {
                let read = deserialize_from_slice(user.as_bytes()).ok();
                there.insert(address.to_owned(), read);
            }
        }
        Ok(there)
    }

    /// Returns whether an address was taken: by an earlier line, or by somebody who was faster. All others are stored.
    async fn insert(&self, users: &[User]) -> Result<bool, DaoError> {
        let Err(error) = self.users.insert_many(users).ordered(false).await else {
            return Ok(false);
        };
        if let ErrorKind::InsertMany(failed) = error.kind.as_ref()
            && failed.write_concern_error.is_none()
            && let Some(errors) = &failed.write_errors
            && errors.iter().all(|error| error.code == DUPLICATE_KEY)
        {
            return Ok(true);
        }
        Err(error.into())
    }
}

/// The server's code for a value that a unique index holds already.
const DUPLICATE_KEY: i32 = 11_000;

fn user(body: &UserCreate, now: DateTime) -> User {
    User {
        id: ObjectId::new(),
        name: body.name.clone(),
        email_lower: body.email.lower(),
        email: body.email.clone(),
        phone_number: body.phone_number.clone(),
        time_zone: body.time_zone.clone(),
        idempotency_scope: None,
        request_hash: None,
        created_by: None,
        created_at: now,
        updated_at: now,
    }
}

fn outcome(user: &User, there: Option<&Option<User>>) -> Outcome {
    let message = match there {
        Some(Some(there)) if there.id == user.id => return Outcome::Created,
        Some(Some(there))
            if there.name == user.name
                && there.phone_number == user.phone_number
                && there.time_zone == user.time_zone =>
        {
            return Outcome::Known;
        }
        Some(None) => "is the address of a user whose stored document cannot be read",
        _ => "is the address of a user with another name, number or time zone",
    };
    Outcome::Refused(FieldError {
        field: "email".to_owned(),
        message: message.to_owned(),
    })
}
