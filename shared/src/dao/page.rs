use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mongodb::{
    Collection,
    bson::{DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc, oid::ObjectId},
};
use serde::de::DeserializeOwned;

use super::{DaoError, stats::MAX_TIME, stored};
use crate::domain::{CallStatus, InvalidValue, PhoneNumber, UserId};

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    /// How many items, 1–100.
    pub size: u32,
    /// Where they begin.
    pub from: Position,
}

impl PageRequest {
    /// The number of the page, where it is asked for by number.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        match self.from {
            Position::Page(number) => Some(number),
            Position::Cursor(_) => None,
        }
    }
}

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// A page by its number, from 1. Its cost grows with the number.
    Page(u32),
    /// With the item that the page before has seen behind its own, or with what follows that place.
    Cursor(Cursor),
}

/// A part of a list, newest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items: fewer than were asked for, where stored documents cannot be read.
    pub items: Vec<T>,
    /// How many there are in the whole list; told only for [`Position::Page`].
    pub total: Option<u64>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

/// A list that can be asked for by cursor. A cursor of one list is refused by every other one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// All users.
    Users,
    /// The users who have that number.
    UsersOfNumber(PhoneNumber),
    /// All blocked numbers.
    BlockedNumbers,
    /// The calls of one user, all or those of one status.
    UserCalls(UserId, Option<CallStatus>),
    /// The calls of everybody that pass a filter.
    Calls(CallFilter),
}

/// Which calls a list of everybody's has: those of which all of this is true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// Whose they are.
    pub user: Option<UserId>,
    /// Where they stand.
    pub status: Option<CallStatus>,
    /// The number that they are to, as it was sent.
    pub to_number: Option<PhoneNumber>,
    /// They were created then or later.
    pub from: Option<DateTime>,
    /// They were created before.
    pub to: Option<DateTime>,
}

impl List {
    fn name(&self) -> String {
        match self {
            Self::Users => "users".to_owned(),
            Self::UsersOfNumber(number) => format!("users/{}", number.as_str()),
            Self::BlockedNumbers => "blocked-numbers".to_owned(),
            Self::UserCalls(user, status) => {
                format!(
                    "users/{user}/calls/{}",
                    status.map_or("", CallStatus::as_str)
                )
            }
            Self::Calls(CallFilter {
                user,
                status,
                to_number,
                from,
                to,
            }) => {
                let user = user.map(|user| user.to_string()).unwrap_or_default();
                let status = status.map_or("", CallStatus::as_str);
                let [from, to] = [from, to].map(|at| at.map(DateTime::timestamp_millis));
                let mut name = format!("calls/{user}/{status}/{from:?}/{to:?}");
                // Without a number the name is that of earlier versions, whose cursors stay good.
                if let Some(number) = to_number {
                    name.extend(["/", number.as_str()]);
                }
                name
            }
        }
    }

    /// The filter of its items that were created within these bounds.
    fn created(&self, mut bounds: Document) -> Document {
        if let Self::Calls(filter) = self {
            if let Some(from) = filter.from {
                // As `$gte`, for times are whole milliseconds; the embedded database loses what equals an inclusive bound.
                let before = from.timestamp_millis().saturating_sub(1);
                bounds.insert("$gt", DateTime::from_millis(before));
            }
            if let Some(to) = filter.to {
                bounds.entry("$lt".to_owned()).or_insert(to.into());
            }
        }
        if bounds.is_empty() {
            bounds
        } else {
            doc! { "created_at": bounds }
        }
    }
}

/// The place of an item in a list that is sorted by `created_at` and `_id`, both descending.
///
/// Outside it is an opaque text: base64url of a checksum (4 bytes), milliseconds (8) and the `ObjectId` (12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    created_at: DateTime,
    id: ObjectId,
}

const CHECKSUM_LEN: usize = 4;
const MILLIS_LEN: usize = 8;
/// The end of the year 9999, in milliseconds: every server takes such a time.
const END_OF_TIME: i64 = 253_402_300_799_999;

impl Cursor {
    /// The place of the item that was created then and has that `_id`.
    #[must_use]
    pub fn new(created_at: DateTime, id: ObjectId) -> Self {
        Self { created_at, id }
    }

    /// Reads a cursor of that list.
    ///
    /// # Errors
    ///
    /// When it is of another list, or was not made by us.
    pub fn parse(text: &str, list: &List) -> Result<Self, InvalidValue> {
        Self::read(text, list)
            .ok_or_else(|| InvalidValue("must be the next_cursor of this very list".to_owned()))
    }

    fn read(text: &str, list: &List) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (checksum, place) = bytes.split_at_checked(CHECKSUM_LEN)?;
        let (millis, id) = place.split_at_checked(MILLIS_LEN)?;
        let cursor = Self {
            created_at: DateTime::from_millis(i64::from_be_bytes(millis.try_into().ok()?)),
            id: ObjectId::from_bytes(id.try_into().ok()?),
        };
        (checksum == cursor.checksum(list)).then_some(cursor)
    }

    /// The text that [`Cursor::parse`] reads.
    #[must_use]
    pub fn write(self, list: &List) -> String {
        let bytes = [&self.checksum(list)[..], &self.place()].concat();
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place of a document, readable or not, so that a page that begins there leaves out nothing readable behind it: a
    /// document with a foreign `_id` comes behind those of its millisecond. `None` for one without a time, which comes behind
    /// all that can be read.
    fn of(document: &RawDocument) -> Option<Self> {
        let created_at = match document.get("created_at").ok()?? {
            RawBsonRef::DateTime(at) => at,
            // These types come before times.
            RawBsonRef::Timestamp(_) | RawBsonRef::RegularExpression(_) | RawBsonRef::MaxKey => {
                DateTime::from_millis(END_OF_TIME)
            }
            _ => return None,
        };
        Some(match document.get_object_id("_id") {
            Ok(id) => Self { created_at, id },
            Err(_) => Self {
                created_at: DateTime::from_millis(created_at.timestamp_millis().saturating_sub(1)),
                id: ObjectId::from_bytes([0xff; 12]),
            },
        })
    }

    fn place(self) -> Vec<u8> {
        let millis = self.created_at.timestamp_millis().to_be_bytes();
        [&millis[..], &self.id.bytes()].concat()
    }

    /// Tells our cursors from others; it is no secret, for a cursor grants nothing.
    fn checksum(self, list: &List) -> [u8; CHECKSUM_LEN] {
        let bytes = [list.name().as_bytes(), &self.place()].concat();
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let mut checksum = [0; CHECKSUM_LEN];
        checksum.copy_from_slice(&digest.as_ref()[..CHECKSUM_LEN]);
        checksum
    }
}

/// Reads a part of the list that `equal` picks, a filter of equalities: an index has its fields, then `created_at` and
/// `_id`, both descending. `also` are further conditions, which the server compares in the documents that the index finds.
/// `beside` is asked at the same time. What cannot be read is reported and passed over; the next page begins behind it all the
/// same.
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
                // Hardly ever is there another one of its millisecond before it.
                let not_later = list.created(doc! { "$lte": created_at });
                let mut found = range(not_later, 0, wanted).await?;
                let is_cut = found.len() == wanted;
                found.retain(|document| Cursor::of(document) <= Some(begin));
                if !is_cut || found.len() == wanted {
                    return Ok(found);
                }
                // On the heap, for it is seldom needed.
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

/// How many the filter finds in all, for a page by number.
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
        // A database that lacks the index of a new list must not scan on for a caller who has gone.
        .max_time(MAX_TIME)
        .await?;
    let mut documents = Vec::new();
    while found.advance().await? {
        documents.push(found.current().to_owned());
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor {
            created_at: DateTime::from_millis(1_795_000_000_123),
            id: ObjectId::from_bytes([7; 12]),
        }
    }

    fn number() -> PhoneNumber {
        "+12125550123".parse().unwrap()
    }

    /// A client may page on with a new version.
    #[test]
    fn a_cursor_of_an_earlier_version_stays_good() {
        let filter = CallFilter {
            status: Some(CallStatus::Busy),
            ..CallFilter::default()
        };
        for (list, text) in [
            (List::Users, "fPVwCAAAAaHuVl57BwcHBwcHBwcHBwcH"),
            (List::Calls(filter), "WhT6bwAAAaHuVl57BwcHBwcHBwcHBwcH"),
        ] {
            assert_eq!(cursor().write(&list), text);
        }
    }

    #[test]
    fn a_cursor_is_read_back_by_its_list_alone() {
        let user = UserId::generate();
        let list = List::UserCalls(user, None);
        let text = cursor().write(&list);
        assert_eq!(text.len(), 32);
        assert_eq!(Cursor::parse(&text, &list), Ok(cursor()));
        for foreign in [
            List::Users,
            List::UsersOfNumber(number()),
            List::BlockedNumbers,
            List::UserCalls(UserId::generate(), None),
            List::UserCalls(user, Some(CallStatus::Busy)),
            List::Calls(CallFilter::default()),
        ] {
            assert!(Cursor::parse(&text, &foreign).is_err());
        }
    }

    #[test]
    fn a_cursor_of_calls_belongs_to_one_filter() {
        let at = |millis| Some(DateTime::from_millis(millis));
        let user = Some(UserId::generate());
        let status = Some(CallStatus::Busy);
        let filters = [at(1), at(2), None].map(|to| CallFilter {
            to,
            ..CallFilter::default()
        });
        let others = filters.iter().flat_map(|filter| {
            let mut changed = [(); 5].map(|()| filter.clone());
            changed[1].user = user;
            changed[2].status = status;
            changed[3].from = at(1);
            changed[4].to_number = Some(number());
            changed
        });
        let lists: Vec<_> = others.map(List::Calls).collect();
        for (place, list) in lists.iter().enumerate() {
            let text = cursor().write(list);
            for (other_place, other) in lists.iter().enumerate() {
                let is_own = Cursor::parse(&text, other).is_ok();
                assert_eq!(is_own, place == other_place, "{list:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_broken_cursor_is_refused() {
        let text = cursor().write(&List::Users);
        let altered = text.replace(text.chars().next_back().unwrap(), "_");
        let long = format!("{text}AAAA");
        for broken in ["", "x", "=", "😀", &text[..31], &altered, &long] {
            assert!(Cursor::parse(broken, &List::Users).is_err(), "{broken}");
        }
    }
}
