//! Lists of stored items, and cursors: places in such a list.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use mongodb::bson::{DateTime, Document, RawBsonRef, RawDocument, doc, oid::ObjectId};

use crate::domain::{BatchId, CallId, CallStatus, InvalidValue, Outcome, PhoneNumber, UserId};

/// A list with cursors. A cursor of one list is invalid in every other list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum List {
    /// All users.
    Users,
    /// The users with this number.
    UsersOfNumber(PhoneNumber),
    /// All batches.
    Batches,
    /// The results of one batch.
    BatchResults(BatchId),
    /// All blocked numbers.
    BlockedNumbers,
    /// The calls of one user, all or those of one status.
    UserCalls(UserId, Option<CallStatus>),
    /// All calls that match a filter.
    Calls(CallFilter),
}

/// Filter for calls: a call matches if it has every value that is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// The user.
    pub user: Option<UserId>,
    /// The status.
    pub status: Option<CallStatus>,
    /// The called number, as the request spelled it.
    pub to_number: Option<PhoneNumber>,
    /// Earliest time of creation.
    pub from: Option<DateTime>,
    /// Time of creation, exclusive upper bound.
    pub to: Option<DateTime>,
    /// The batch.
    pub batch: Option<BatchId>,
    /// The first attempt of a call with retries: matches it and the later ones.
    pub first_call: Option<CallId>,
    /// The stored result: an outcome, or a result of outdial's own.
    pub result: Option<Outcome>,
}

impl List {
    fn name(&self) -> String {
        match self {
            Self::Users => "users".to_owned(),
            Self::UsersOfNumber(number) => format!("users/{}", number.as_str()),
            Self::Batches => "batches".to_owned(),
            Self::BatchResults(batch) => format!("batches/{batch}/results"),
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
                batch,
                first_call,
                result,
            }) => {
                let user = user.map(|user| user.to_string()).unwrap_or_default();
                let status = status.map_or("", CallStatus::as_str);
                let [from, to] = [from, to].map(|at| at.map(DateTime::timestamp_millis));
                let mut name = format!("calls/{user}/{status}/{from:?}/{to:?}");
                // Without the filters below, the name is the same as in earlier versions, so their cursors stay valid.
                if let Some(number) = to_number {
                    name.extend(["/", number.as_str()]);
                }
                if let Some(batch) = batch {
                    name.extend(["/batch/", &batch.to_string()]);
                }
                if let Some(first) = first_call {
                    name.extend(["/first/", &first.to_string()]);
                }
                if let Some(result) = result {
                    name.extend(["/result/", result.as_str()]);
                }
                name
            }
        }
    }

    /// The filter for the list's items that were created within these bounds.
    pub(super) fn created(&self, mut bounds: Document) -> Document {
        if let Self::Calls(filter) = self {
            if let Some(from) = filter.from {
                // Equals `$gte`, because times are whole milliseconds. The embedded database loses items at an inclusive bound.
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

/// The place of an item in a list sorted by `created_at` and `_id`, both descending.
///
/// Clients see an opaque text: base64url of a checksum (4 bytes), milliseconds (8) and the `ObjectId` (12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub(super) created_at: DateTime,
    pub(super) id: ObjectId,
}

const CHECKSUM_LEN: usize = 4;
const MILLIS_LEN: usize = 8;
/// The end of the year 9999, in milliseconds: the latest time that every server accepts.
const END_OF_TIME: i64 = 253_402_300_799_999;

impl Cursor {
    /// The place of the item with this time of creation and this `_id`.
    #[must_use]
    pub fn new(created_at: DateTime, id: ObjectId) -> Self {
        Self { created_at, id }
    }

    /// The `_id` of the item.
    #[must_use]
    pub fn id(self) -> ObjectId {
        self.id
    }

    /// Parses a cursor of this list.
    ///
    /// # Errors
    ///
    /// If the text is a cursor of another list, or not a cursor.
    pub fn parse(text: &str, list: &List) -> Result<Self, InvalidValue> {
        Self::read(text, list).ok_or_else(|| {
            InvalidValue("must be the `next_cursor` of a page of this list".to_owned())
        })
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

    /// Returns the text that [`Cursor::parse`] reads.
    #[must_use]
    pub fn write(self, list: &List) -> String {
        let bytes = [&self.checksum(list)[..], &self.place()].concat();
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place of a document, readable or not, such that a page that begins there leaves out no readable document after it. A
    /// document with a foreign `_id` comes after those of its millisecond. `None` for a document without a time, which comes
    /// after every readable one.
    pub(super) fn of(document: &RawDocument) -> Option<Self> {
        let created_at = match document.get("created_at").ok()?? {
            RawBsonRef::DateTime(at) => at,
            // The database sorts these types before times.
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

    /// Detects foreign cursors. A cursor grants nothing, so this needs no secret.
    fn checksum(self, list: &List) -> [u8; CHECKSUM_LEN] {
        let bytes = [list.name().as_bytes(), &self.place()].concat();
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let mut checksum = [0; CHECKSUM_LEN];
        checksum.copy_from_slice(&digest.as_ref()[..CHECKSUM_LEN]);
        checksum
    }
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

    /// A client may continue with a new version.
    #[test]
    fn cursor_of_an_earlier_version_stays_valid() {
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
    fn only_its_list_accepts_a_cursor() {
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
    fn cursor_of_calls_belongs_to_one_filter() {
        let at = |millis| Some(DateTime::from_millis(millis));
        let user = Some(UserId::generate());
        let status = Some(CallStatus::Busy);
        let (batch, first) = (BatchId::generate(), CallId::generate());
        let filters = [at(1), at(2), None].map(|to| CallFilter {
            to,
            ..CallFilter::default()
        });
        let others = filters.iter().flat_map(|filter| {
            let mut changed = [(); 8].map(|()| filter.clone());
            changed[1].user = user;
            changed[2].status = status;
            changed[3].from = at(1);
            changed[4].to_number = Some(number());
            changed[5].batch = Some(batch);
            changed[6].first_call = Some(first);
            changed[7].result = "confirmed".parse().ok();
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
    fn malformed_cursor_is_refused() {
        let text = cursor().write(&List::Users);
        let altered = text.replace(text.chars().next_back().unwrap(), "_");
        let long = format!("{text}AAAA");
        for broken in ["", "x", "=", "😀", &text[..31], &altered, &long] {
            assert!(Cursor::parse(broken, &List::Users).is_err(), "{broken}");
        }
    }
}
