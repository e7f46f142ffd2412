//! Users into the database, many at once, and nobody twice.

use std::collections::{HashMap, HashSet};

use mongodb::bson::{Document, deserialize_from_slice, doc, oid::ObjectId};
use mongodb::error::ErrorKind;
use mongodb::{Collection, Database};
use outdial::dao::{DaoError, indexes};
use outdial::domain::User;
use outdial::http::FieldError;

use super::fault;
use crate::Result;

/// What has become of a row.
pub enum Outcome {
    Created,
    /// The same user was there already.
    Known,
    Refused(FieldError),
}

/// Where the ids of the users come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// They are new: the user with the same address is the same user.
    New,
    /// They are in the file, with all else that is stored of a user.
    Kept,
}

pub struct Store {
    users: Collection<User>,
    ids: Ids,
    dry_run: bool,
}

/// Without it, two runs at once could create somebody twice.
const INDEX: &str = "users.email_lower_unique";

/// A stored user; `None` for one who cannot be read.
type Stored = Option<User>;

/// Stored users by their ids, and by their addresses.
#[derive(Default)]
struct Known {
    by_id: HashMap<ObjectId, Stored>,
    by_email: HashMap<String, Stored>,
}

impl Store {
    pub async fn open(database: &Database, ids: Ids, dry_run: bool) -> Result<Self> {
        let found = indexes::check(database).await?;
        if found.missing.iter().any(|index| index == INDEX) {
            return Err(
                format!("the index {INDEX} is missing: run `cargo xtask indexes` first").into(),
            );
        }
        Ok(Self {
            users: database.collection("users"),
            ids,
            dry_run,
        })
    }

    /// Stores those who are not there yet, and returns the outcome of each row.
    pub async fn take(&self, batch: &[(u64, User)]) -> Result<Vec<(u64, Outcome)>, DaoError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let users: Vec<_> = batch.iter().map(|(_, user)| user).collect();
        let mut known = self.find(&users).await?;
        let mut new = known.unknown(&users);
        if !self.dry_run && !new.is_empty() {
            let candidates: Vec<_> = new.iter().map(|&place| users[place]).collect();
            let taken = self.insert(&candidates).await?;
            if !taken.is_empty() {
                // Somebody else was faster.
                let stored = new.iter().enumerate();
                let stored = stored.filter(|(candidate, _)| !taken.contains(candidate));
                new = stored.map(|(_, &place)| place).collect();
                known = self.find(&users).await?;
            }
        }
        for &place in &new {
            known.add(
                Some(users[place].clone()),
                users[place].id,
                &users[place].email_lower,
            );
        }
        let new: HashSet<_> = new.into_iter().collect();
        let outcomes = batch.iter().enumerate().map(|(place, (line, user))| {
            let outcome = if new.contains(&place) {
                Outcome::Created
            } else {
                self.outcome(user, &known)
            };
            (*line, outcome)
        });
        Ok(outcomes.collect())
    }

    /// The stored users who have one of these addresses, or of these ids if those are kept.
    async fn find(&self, users: &[&User]) -> Result<Known, DaoError> {
        let addresses: Vec<_> = users.iter().map(|user| &user.email_lower).collect();
        let by_email = doc! { "email_lower": { "$in": addresses } };
        let filter: Document = match self.ids {
            Ids::New => by_email,
            Ids::Kept => {
                let ids: Vec<_> = users.iter().map(|user| user.id).collect();
                doc! { "$or": [by_email, { "_id": { "$in": ids } }] }
            }
        };
        let mut found = self.users.find(filter).await?;
        let mut known = Known::default();
        while found.advance().await? {
            let stored = found.current();
            let user = deserialize_from_slice(stored.as_bytes()).ok();
            if let Ok(id) = stored.get_object_id("_id") {
                known.add(user, id, stored.get_str("email_lower").unwrap_or_default());
            }
        }
        Ok(known)
    }

    /// Returns the places of those whose address or id was taken meanwhile. All others are stored.
    async fn insert(&self, users: &[&User]) -> Result<HashSet<usize>, DaoError> {
        let Err(error) = self
            .users
            .insert_many(users.iter().copied())
            .ordered(false)
            .await
        else {
            return Ok(HashSet::new());
        };
        if let ErrorKind::InsertMany(failed) = error.kind.as_ref()
            && failed.write_concern_error.is_none()
            && let Some(errors) = &failed.write_errors
            && errors.iter().all(|error| error.code == DUPLICATE_KEY)
        {
            return Ok(errors.iter().map(|error| error.index).collect());
        }
        Err(error.into())
    }

    fn outcome(&self, user: &User, known: &Known) -> Outcome {
        let same_email = known.by_email.get(&user.email_lower);
        let (field, message) = match self.ids {
            Ids::New => match same_email {
                Some(Some(stored)) if has_same_values(stored, user) => return Outcome::Known,
                Some(None) => ("email", UNREADABLE),
                _ => (
                    "email",
                    "is the address of a user with another name, number or time zone",
                ),
            },
            Ids::Kept => match known.by_id.get(&user.id) {
                Some(Some(stored)) if is_same(stored, user) => return Outcome::Known,
                Some(None) => (
                    "id",
                    "is that of a user whose stored document cannot be read",
                ),
                Some(_) => ("id", "is that of a user who is stored with other values"),
                None => ("email", "is the address of a user with another id"),
            },
        };
        Outcome::Refused(fault(field, message))
    }
}

const UNREADABLE: &str = "is the address of a user whose stored document cannot be read";

/// The server's code for a value that a unique index holds already.
const DUPLICATE_KEY: i32 = 11_000;

impl Known {
    fn add(&mut self, user: Stored, id: ObjectId, email_lower: &str) {
        self.by_email.insert(email_lower.to_owned(), user.clone());
        self.by_id.insert(id, user);
    }

    /// The places of those who are not known, the first of several with the same address or id.
    fn unknown(&self, users: &[&User]) -> Vec<usize> {
        let (mut ids, mut emails) = (HashSet::new(), HashSet::new());
        let is_new = |user: &User| {
            !self.by_id.contains_key(&user.id) && !self.by_email.contains_key(&user.email_lower)
        };
        let unknown = users.iter().enumerate().filter(|(_, user)| {
            // Both are noted, whichever is there already.
            let is_first = !ids.contains(&user.id) && !emails.contains(&user.email_lower);
            let is_new = is_new(user) && is_first;
            if is_new {
                ids.insert(user.id);
                emails.insert(&user.email_lower);
            }
            is_new
        });
        unknown.map(|(place, _)| place).collect()
    }
}

/// Whether a row of CSV tells nothing else of the user.
fn has_same_values(stored: &User, user: &User) -> bool {
    stored.name == user.name
        && stored.phone_number == user.phone_number
        && stored.time_zone == user.time_zone
}

/// Whether an export of the stored user would be the same line.
fn is_same(stored: &User, user: &User) -> bool {
    has_same_values(stored, user)
        && stored.email == user.email
        && stored.created_by == user.created_by
        && stored.created_at == user.created_at
        && stored.updated_at == user.updated_at
}
