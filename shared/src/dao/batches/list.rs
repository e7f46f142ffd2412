//! The list of batches, newest first.

use mongodb::{
    Collection,
    bson::{DateTime, Document, RawDocument, RawDocumentBuf, doc, oid::ObjectId},
};

use crate::{
    dao::{
        BATCHES, Cursor, Dao, DaoError, List, Page, PageRequest, Position, client::MAX_TIME,
        page::total, stored,
    },
    domain::{Batch, BatchId},
};

impl Dao {
    /// Returns a page of all batches, newest first. Unreadable documents are logged and left out.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
    pub async fn list_batches(&self, request: &PageRequest) -> Result<Page<Batch>, DaoError> {
        self.with_timeout(|| async {
            let batches = self.batches().await?;
            let found = find_page(&batches, request);
            let (mut found, total) = tokio::try_join!(found, total(&batches, doc! {}, request))?;
            let size = found.len().min(request.size as usize);
            let next = found.drain(size..).next();
            let read = |document: &RawDocumentBuf| stored::read(BATCHES, document).ok();
            Ok(Page {
                items: found.iter().filter_map(read).collect(),
                total,
                next_cursor: next.and_then(|next| Some(place(&next)?.write(&List::Batches))),
            })
        })
        .await
    }
}

/// Reads one document more than the page has: the first of the next page.
async fn find_page(
    batches: &Collection<Batch>,
    request: &PageRequest,
) -> Result<Vec<RawDocumentBuf>, DaoError> {
    let wanted = i64::from(request.size) + 1;
    match request.from {
        Position::Page(page) => {
            let skip = u64::from(page.saturating_sub(1)) * u64::from(request.size);
            find(batches, doc! {}, skip, wanted).await
        }
        Position::Cursor(begin) => {
            let (created_at, last_id) = (begin.created_at, last_id_at(begin.id));
            let same_time = doc! { "created_at": created_at, "_id": { "$lte": last_id } };
            let mut found = find(batches, same_time, 0, wanted).await?;
            let left = wanted - i64::try_from(found.len()).unwrap_or(wanted);
            if left > 0 {
                let earlier = doc! { "created_at": { "$lt": created_at } };
                found.extend(find(batches, earlier, 0, left).await?);
            }
            Ok(found)
        }
    }
}

async fn find(
    batches: &Collection<Batch>,
    filter: Document,
    skip: u64,
    limit: i64,
) -> Result<Vec<RawDocumentBuf>, DaoError> {
    let mut found = batches
        .find(filter)
        .sort(doc! { "created_at": -1, "_id": -1 })
        .skip(skip)
        .limit(limit)
        .max_time(MAX_TIME)
        .await?;
    let mut documents = Vec::new();
    while found.advance().await? {
        documents.push(found.current().to_owned());
    }
    Ok(documents)
}

/// The place of a batch. A cursor has 12 bytes for the `_id`: the first ones of the UUID. A document without a readable time or
/// `_id` ends the list.
fn place(batch: &RawDocument) -> Option<Cursor> {
    let created_at: DateTime = batch.get_datetime("created_at").ok()?;
    let id: BatchId = batch.get_str("_id").ok()?.parse().ok()?;
    let mut first = [0; 12];
    first.copy_from_slice(&id.as_bytes()[..12]);
    Some(Cursor::new(created_at, ObjectId::from_bytes(first)))
}

/// The greatest `_id` of a batch that begins with these bytes.
fn last_id_at(first: ObjectId) -> String {
    let mut bytes = [0xff; 16];
    bytes[..12].copy_from_slice(&first.bytes());
    BatchId::from_bytes(bytes).to_string()
}
