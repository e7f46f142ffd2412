//! Adding recipients to a batch: each becomes a call that waits.

use std::collections::HashSet;

use bson::DateTime;
use tokio::time::Instant;

use super::{
    Batches,
    new_calls::{Entry, Facts, entries},
};
use crate::{
    dao::{ADDING, DaoError, Reservation, within},
    domain::{Batch, BatchStatus, Call, PhoneNumber, Recipient},
};

/// The result of adding recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Number of new recipients.
    pub added: u32,
    /// Number of recipients that the batch had already, or that the request repeats.
    pub duplicates: u32,
    /// Number of recipients that the batch has now.
    pub total: u64,
}

/// A fault of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientFault {
    /// The recipient's place in the request, from 0.
    pub index: usize,
    /// The field.
    pub field: &'static str,
    /// A sentence without its subject. It repeats no value.
    pub message: String,
}

/// Why no recipient is added.
#[derive(Debug)]
pub enum RecipientsError {
    /// There is no such batch.
    BatchNotFound,
    /// The batch's user was deleted.
    UserNotFound,
    /// The batch was canceled, or has ended.
    Closed(BatchStatus),
    /// The batch's `expires_at` has passed.
    Expired,
    /// The batch has too few places left.
    Full,
    /// Some recipients are at fault: all faults, by index.
    Faults(Vec<RecipientFault>),
    /// The calling hours can't be checked: the message says which time zone is unknown.
    UnknownTimeZone(&'static str),
    /// This version can't read the stored batch.
    Unreadable,
    /// The database failed.
    Database(DaoError),
}

impl From<DaoError> for RecipientsError {
    fn from(error: DaoError) -> Self {
        Self::Database(error)
    }
}

impl Batches {
    /// Adds recipients to a batch: all, or none if one is at fault. A recipient that the batch has already stays unchanged.
    /// `created_by` is the API key's name.
    ///
    /// # Errors
    ///
    /// See [`RecipientsError`]. After [`RecipientsError::Database`], some of the recipients may be stored. A repeat of the request
    /// stores the others.
    pub async fn add_recipients(
        &self,
        batch: &Batch,
        recipients: &[Recipient],
        created_by: Option<&str>,
    ) -> Result<Added, RecipientsError> {
        if !BatchStatus::OPEN.contains(&batch.status) {
            return Err(RecipientsError::Closed(batch.status));
        }
        let now = DateTime::now();
        let begin = Self::begin(batch, now);
        if batch.expires_at <= begin {
            return Err(RecipientsError::Expired);
        }
        let template = batch.template().map_err(|_| RecipientsError::Unreadable)?;
        let (entries, mut faults) = entries(batch, recipients);
        let ids: Vec<_> = entries
            .iter()
            .map(|entry| entry.call_id.object_id())
            .collect();
        let user_id = batch.user_id.parse();
        let user_id = user_id.map_err(|_| RecipientsError::UserNotFound)?;
        let (callee, blocked, stored) = tokio::try_join!(
            self.dao.get_callee(user_id, &[]),
            self.list_blocked(&entries),
            self.dao.list_stored_calls(&ids),
        )?;
        let mut facts = Facts {
            batch,
            template,
            user_id,
            callee: callee.ok_or(RecipientsError::UserNotFound)?,
            blocked,
            created_by,
            begin,
            now,
        };
        let mut calls = Vec::new();
        // Rules apply to new recipients, not to repeats.
        let is_new = |entry: &&Entry| !stored.contains(&entry.call_id.object_id());
        for entry in entries.iter().filter(is_new) {
            match self.check(&mut facts, entry)? {
                Ok(call) => calls.push(*call),
                Err(found) => faults.extend(found),
            }
        }
        if !faults.is_empty() {
            faults.sort_by_key(|fault| fault.index);
            return Err(RecipientsError::Faults(faults));
        }
        let added = self.store(batch, &calls).await?;
        let count = u32::try_from(recipients.len()).unwrap_or(u32::MAX);
        Ok(Added {
            added,
            duplicates: count - added,
            total: self.dao.count_recipients(batch.id).await?,
        })
    }

    async fn list_blocked(&self, entries: &[Entry<'_>]) -> Result<HashSet<PhoneNumber>, DaoError> {
        let spellings = entries.iter().flat_map(|entry| entry.line.spellings());
        let spellings: HashSet<_> = spellings.cloned().collect();
        let spellings: Vec<_> = spellings.into_iter().collect();
        self.dao.list_blocked_among(&spellings).await
    }

    /// Reserves places, and stores the calls.
    async fn store(&self, batch: &Batch, calls: &[Call]) -> Result<u32, RecipientsError> {
        if calls.is_empty() {
            return Ok(0);
        }
        let deadline = Instant::now() + ADDING;
        let count = u32::try_from(calls.len()).unwrap_or(u32::MAX);
        match self.dao.reserve_recipients(batch.id, count).await? {
            None => return Err(RecipientsError::BatchNotFound),
            Some(Reservation::Closed(status)) => return Err(RecipientsError::Closed(status)),
            Some(Reservation::Full) => return Err(RecipientsError::Full),
            Some(Reservation::Reserved) => {}
        }
        let added = within(deadline, self.dao.create_recipients(calls)).await?;
        if added < count {
            let unused = count - added;
            if let Err(error) = self.dao.release_recipients(batch.id, unused).await {
                tracing::warn!(%error, unused, "places of recipients not released");
            }
        }
        Ok(added)
    }
}
