//! Pages of lists, newest first.

use mongodb::{
    Collection,
    bson::{Document, RawDocumentBuf, doc},
};
use serde::de::DeserializeOwned;

use super::{
    DaoError,
    client::MAX_TIME,
    cursor::{Cursor, List},
    stored,
};

/// A request for a page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// Number of items, 1–100.
    pub size: u32,
    /// Start of the page.
    pub from: Position,
}

impl PageRequest {
    /// The page number, if the request has one.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        match self.from {
            Position::Page(number) => Some(number),
            Position::Cursor(_) => None,
        }
    }
}

/// The start of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Page number, from 1. The cost grows with the number.
    Page(u32),
    /// The place of the first item: the cursor from the page before.
    Cursor(Cursor),
}

/// A page of a list, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items. There may be fewer than requested, because unreadable documents are left out.
    pub items: Vec<T>,
    /// Number of items in the whole list, for [`Position::Page`] only.
    pub total: Option<u64>,
    /// Cursor of the next page, if there is one.
    pub next_cursor: Option<String>,
}

/// Reads a page of the list that `equal` selects, a filter of equalities. An index must have its fields, then `created_at` and
/// `_id`, both descending. `also` has further conditions, which the server checks in the documents that the index finds.
/// `beside` runs concurrently. Unreadable documents are logged and left out; the next page begins after them.
pub(super) async fn find_page<T, B>(
    collection: &Collection<T>,
    equal: Document,
    also: Document,
    list: &List,
    request: &PageRequest,
    beside: impl Future<Output = Result<B, DaoError>>,
) -> Result<(Page<T>, B), DaoError>
where
    T: DeserializeOwned + Send + Sync,
{
    let mut sort: Document = equal
        .keys()
        .map(|field| (field.clone(), 1.into()))
        .collect();
    sort.extend(doc! { "created_at": -1, "_id": -1 });
    let wanted = request.size as usize + 1;
    let range = |begin: Document, skip: u64, limit: usize| {
        let mut filter = equal.clone();
        filter.extend(also.clone());
        filter.extend(begin);
        find(collection, filter, sort.clone(), skip, limit)
    };
    let find_items = async {
        match request.from {
            Position::Page(page) => {
                let skip = u64::from(page.saturating_sub(1)) * u64::from(request.size);
                range(list.created(doc! {}), skip, wanted).await
            }
            Position::Cursor(begin @ Cursor { created_at, id }) => {
                // Another item of the same millisecond before it is rare.
                let not_later = list.created(doc! { "$lte": created_at });
                let mut found = range(not_later, 0, wanted).await?;
                let is_cut = found.len() == wanted;
                found.retain(|document| Cursor::of(document) <= Some(begin));
                if !is_cut || found.len() == wanted {
                    return Ok(found);
                }
                // Boxed: rare.
                let same_time = doc! { "created_at": created_at, "_id": { "$lte": id } };
                let earlier = list.created(doc! { "$lt": created_at });
                let mut found = Box::pin(range(same_time, 0, wanted)).await?;
                let earlier = Box::pin(range(earlier, 0, wanted)).await?;
                found.extend(earlier);
                Ok(found)
            }
        }
    };
    let (mut found, beside) = tokio::try_join!(find_items, beside)?;
    let next = found.drain(found.len().min(request.size as usize)..).next();
    let read = |document: &RawDocumentBuf| stored::read(collection.name(), document).ok();
    let page = Page {
        items: found.iter().filter_map(read).collect(),
        total: None,
        next_cursor: next.and_then(|next| Some(Cursor::of(&next)?.write(list))),
    };
    Ok((page, beside))
}

/// Returns the number of documents that match the filter if the request has a page number.
pub(super) async fn total<T: Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
    request: &PageRequest,
) -> Result<Option<u64>, DaoError> {
    Ok(match request.from {
        Position::Page(_) => {
            let counted = collection.count_documents(filter).max_time(MAX_TIME);
            Some(counted.await?)
        }
        Position::Cursor(_) => None,
    })
}

async fn find<T: Send + Sync>(
    collection: &Collection<T>,
    filter: Document,
    sort: Document,
    skip: u64,
    limit: usize,
) -> Result<Vec<RawDocumentBuf>, DaoError> {
    let mut found = collection
        .find(filter)
        .sort(sort)
        .skip(skip)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        // If the index of a new list is missing, the server must not go on scanning after the client has gone.
        .max_time(MAX_TIME)
        .await?;
    let mut documents = Vec::new();
    while found.advance().await? {
        documents.push(found.current().to_owned());
    }
    Ok(documents)
}
