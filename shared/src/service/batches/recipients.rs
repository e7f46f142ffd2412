//! Adding recipients to a batch: each becomes a call that waits.

use std::collections::HashSet;

use bson::DateTime;
use tokio::time::Instant;

use super::{
    Batches,
    entries::{Entry, RecipientFault, entries},
    new_calls::Facts,
};
use crate::{
    dao::{ADDING, DaoError, Reservation, within},
    domain::{Batch, BatchStatus, Call, PhoneNumber, RecipientParts},
    service::rules::{Line, transfer_lines},
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

/// The recipients of a request, checked.
#[derive(Debug)]
pub struct CheckedRecipients {
    /// All faults, in the order of the recipients. Faults of fields that can't be read are not among them.
    pub faults: Vec<RecipientFault>,
    calls: Vec<Call>,
    count: usize,
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
    /// Checks recipients of a batch: the valid fields of each. A recipient that the batch has already stays unchanged, so no rule
    /// applies to it. `created_by` is the API key's name. Stores nothing.
    ///
    /// # Errors
    ///
    /// See [`RecipientsError`].
    pub async fn check_recipients(
        &self,
        batch: &Batch,
        recipients: &[RecipientParts],
        created_by: Option<&str>,
    ) -> Result<CheckedRecipients, RecipientsError> {
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
        let ids: Vec<_> = entries.iter().filter_map(Entry::object_id).collect();
        let user_id = batch.user_id.parse();
        let user_id = user_id.map_err(|_| RecipientsError::UserNotFound)?;
        let transfer_lines = transfer_lines(template.steps());
        let (callee, blocked, stored) = tokio::try_join!(
            self.dao.get_callee(user_id, &[]),
            self.list_blocked(&entries, &transfer_lines),
            self.dao.list_stored_calls(&ids),
        )?;
        let mut facts = Facts {
            batch,
            template,
            transfer_lines,
            user_id,
            callee: callee.ok_or(RecipientsError::UserNotFound)?,
            blocked,
            created_by,
            begin,
            now,
        };
        let mut calls = Vec::new();
        let is_stored = |entry: &Entry| entry.object_id().is_some_and(|id| stored.contains(&id));
        for entry in entries.iter().filter(|entry| !is_stored(entry)) {
            let call = self.check(&mut facts, entry, &mut faults);
            calls.extend(call.map_err(RecipientsError::UnknownTimeZone)?);
        }
        faults.sort_by_key(|fault| fault.index);
        Ok(CheckedRecipients {
            faults,
            calls,
            count: recipients.len(),
        })
    }

    /// Adds checked recipients to a batch. The caller makes sure that none is at fault.
    ///
    /// # Errors
    ///
    /// See [`RecipientsError`]. After [`RecipientsError::Database`], some of the recipients may be stored. A repeat of the request
    /// stores the others.
    pub async fn add_recipients(
        &self,
        batch: &Batch,
        checked: &CheckedRecipients,
    ) -> Result<Added, RecipientsError> {
        let added = self.store(batch, &checked.calls).await?;
        let count = u32::try_from(checked.count).unwrap_or(u32::MAX);
        Ok(Added {
            added,
            duplicates: count - added,
            total: self.dao.count_recipients(batch.id).await?,
        })
    }

    async fn list_blocked(
        &self,
        entries: &[Entry<'_>],
        transfer_lines: &[Vec<PhoneNumber>],
    ) -> Result<HashSet<PhoneNumber>, DaoError> {
        let lines = entries.iter().filter_map(|entry| entry.line.as_ref());
        let spellings = lines.flat_map(Line::spellings);
        let spellings = spellings.chain(transfer_lines.iter().flatten());
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
        let adding = match self.dao.reserve_recipients(batch.id, count).await? {
            None => return Err(RecipientsError::BatchNotFound),
            Some(Reservation::Closed(status)) => return Err(RecipientsError::Closed(status)),
            Some(Reservation::Full) => return Err(RecipientsError::Full),
            Some(Reservation::Reserved(adding)) => adding,
        };
        let added = within(deadline, self.dao.create_recipients(calls)).await?;
        // Without this, the batch would not end within `ADDING`.
        let unused = count - added;
        if let Err(error) = self.dao.end_adding(batch.id, &adding, unused).await {
            tracing::warn!(%error, unused, "end of adding recipients not stored");
        }
        Ok(added)
    }
}
