//! The block list.

use mongodb::{
    Collection,
    bson::{Document, doc},
};

use super::{
    BLOCKED_NUMBERS, Dao, DaoError, List, Page, PageRequest, insert_once,
    page::{find_page, total},
    stored::find_one,
};
use crate::domain::{BlockedNumber, PhoneNumber};

impl Dao {
    /// Blocks a number. If it is already blocked, the existing entry stays and is returned.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn block_number(
        &self,
        blocked: &BlockedNumber,
    ) -> Result<Option<BlockedNumber>, DaoError> {
        self.with_timeout(|| async {
            let numbers = self.blocked_numbers().await?;
            loop {
                match insert_once(&numbers, blocked.id, blocked).await {
                    Ok(()) => return Ok(None),
                    Err(DaoError::Duplicate(_)) => {}
                    Err(error) => return Err(error),
                }
                // No entry: another request has just removed it.
                if let Some(first) = find_one(&numbers, by_number(&blocked.number)).await? {
                    return Ok(Some(first));
                }
            }
        })
        .await
    }

    /// Returns the entry of a number, or `None` if it is not on the list in this spelling.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn get_blocked_number(
        &self,
        number: &PhoneNumber,
    ) -> Result<Option<BlockedNumber>, DaoError> {
        self.with_timeout(|| async {
            let numbers = self.blocked_numbers().await?;
            find_one(&numbers, by_number(number)).await
        })
        .await
    }

    /// Returns a page of the list, newest first.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_blocked_numbers(
        &self,
        request: &PageRequest,
    ) -> Result<Page<BlockedNumber>, DaoError> {
        self.with_timeout(|| async {
            let numbers = self.blocked_numbers().await?;
            let (list, total) = (List::BlockedNumbers, total(&numbers, doc! {}, request));
            let found = find_page(&numbers, doc! {}, doc! {}, &list, request, total).await;
            found.map(|(page, total)| Page { total, ..page })
        })
        .await
    }

    /// Removes a number from the list. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn unblock_number(&self, number: &PhoneNumber) -> Result<bool, DaoError> {
        self.with_timeout(|| async {
            let numbers = self.blocked_numbers().await?;
            let deleted = numbers.delete_one(by_number(number)).await?;
            Ok(deleted.deleted_count > 0)
        })
        .await
    }

    pub(super) async fn blocked_numbers(&self) -> Result<Collection<BlockedNumber>, DaoError> {
        Ok(self.database().await?.collection(BLOCKED_NUMBERS))
    }
}

fn by_number(number: &PhoneNumber) -> Document {
    doc! { "number": number.as_str() }
}
