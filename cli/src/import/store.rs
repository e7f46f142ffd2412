//! Stores users in batches, and none twice.

use std::collections::{HashMap, HashSet};

use mongodb::Database;
use mongodb::bson::oid::ObjectId;
use outdial::dao::admin::import as stored;
use outdial::dao::{DaoError, indexes};
use outdial::domain::User;
use outdial::http::FieldError;

use super::row::fault;
use crate::error::Result;

/// Without this index, two runs at a time could create a user twice.
const INDEX: &str = "users.email_lower_unique";

const UNREADABLE: &str = "is the address of a user whose stored document cannot be read";

/// The outcome of a row.
pub enum Outcome {
    Created,
    /// The same user was stored before.
    AlreadyStored,
    Refused(FieldError),
}

/// The source of the ids.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// They are new. A stored user with the same address is the same user.
    New,
    /// The file has them, with everything else that is stored of a user.
    Kept,
}

/// The users of a database.
pub struct Store {
    database: Database,
    ids: Ids,
    dry_run: bool,
}

impl Store {
    pub async fn open(database: Database, ids: Ids, dry_run: bool) -> Result<Self> {
        let found = indexes::check(&database).await?;
        if found.missing.iter().any(|index| index == INDEX) {
            return Err(
                format!("the index {INDEX} is missing: run `outdial indexes` first").into(),
            );
        }
        Ok(Self {
            database,
            ids,
            dry_run,
        })
    }

    /// Stores the users who are not stored yet, and returns the outcome of each row.
    pub async fn take(&self, batch: &[(u64, User)]) -> Result<Vec<(u64, Outcome)>, DaoError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let users: Vec<_> = batch.iter().map(|(_, user)| user).collect();
        let mut known = self.find(&users).await?;
        let mut new = known.unknown(&users);
        if !self.dry_run && !new.is_empty() {
            let candidates: Vec<_> = new.iter().map(|&place| users[place]).collect();
            let taken = stored::insert(&self.database, &candidates).await?;
            if !taken.is_empty() {
                // Another writer was faster.
                let inserted = new.iter().enumerate();
                let inserted = inserted.filter(|(candidate, _)| !taken.contains(candidate));
                new = inserted.map(|(_, &place)| place).collect();
                known = self.find(&users).await?;
            }
        }
        for &place in &new {
            let user = users[place];
            known.add(Some(user.clone()), user.id, &user.email_lower);
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

    /// Finds the stored users with one of these addresses, or one of these ids if the file has ids.
    async fn find(&self, users: &[&User]) -> Result<Known, DaoError> {
        let emails: Vec<_> = users.iter().map(|user| user.email_lower.as_str()).collect();
        let ids: Vec<_> = match self.ids {
            Ids::New => Vec::new(),
            Ids::Kept => users.iter().map(|user| user.id).collect(),
        };
        let mut known = Known::default();
        for found in stored::find(&self.database, &emails, &ids).await? {
            known.add(found.user, found.id, &found.email_lower);
        }
        Ok(known)
    }

    fn outcome(&self, user: &User, known: &Known) -> Outcome {
        let same_email = known.by_email.get(&user.email_lower);
        let (field, message) = match self.ids {
            Ids::New => match same_email {
                Some(Some(stored)) if has_same_values(stored, user) => {
                    return Outcome::AlreadyStored;
                }
                Some(None) => ("email", UNREADABLE),
                _ => (
                    "email",
                    "is the address of a user with another name, number or time zone",
                ),
            },
            Ids::Kept => match known.by_id.get(&user.id) {
                Some(Some(stored)) if is_same(stored, user) => return Outcome::AlreadyStored,
                Some(None) => (
                    "id",
                    "is the id of a user whose stored document cannot be read",
                ),
                Some(_) => ("id", "is the id of a user who is stored with other values"),
                None => ("email", "is the address of a user with another id"),
            },
        };
        Outcome::Refused(fault(field, message))
    }
}

/// A stored user, or `None` if the document can't be read.
type StoredUser = Option<User>;

/// Stored users by their ids and by their addresses.
#[derive(Default)]
struct Known {
    by_id: HashMap<ObjectId, StoredUser>,
    by_email: HashMap<String, StoredUser>,
}

impl Known {
    fn add(&mut self, user: StoredUser, id: ObjectId, email_lower: &str) {
        self.by_email.insert(email_lower.to_owned(), user.clone());
        self.by_id.insert(id, user);
    }

    /// Returns the positions of the users who are not known; of several with the same address or id, the first.
    fn unknown(&self, users: &[&User]) -> Vec<usize> {
        let (mut ids, mut emails) = (HashSet::new(), HashSet::new());
        let is_new = |user: &User| {
            !self.by_id.contains_key(&user.id) && !self.by_email.contains_key(&user.email_lower)
        };
        let unknown = users.iter().enumerate().filter(|(_, user)| {
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

/// True if the stored user has the values of this row of CSV.
fn has_same_values(stored: &User, user: &User) -> bool {
    stored.name == user.name
        && stored.phone_number == user.phone_number
        && stored.time_zone == user.time_zone
}

/// True if an export of the stored user gives the same line.
fn is_same(stored: &User, user: &User) -> bool {
    has_same_values(stored, user)
        && stored.email == user.email
        && stored.created_by == user.created_by
        && stored.created_at == user.created_at
        && stored.updated_at == user.updated_at
}
