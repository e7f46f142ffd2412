//! The queries of lists and statistics: paging, filters and time ranges.

use axum::extract::FromRequestParts;
use bson::DateTime;
use chrono::DateTime as ChronoDateTime;
use http::request::Parts;

use super::{
    FieldError, Problem,
    query::{Parameters, QueryReader, with_leading_plus, with_offset_plus},
};
use crate::{
    dao::{CallFilter, Cursor, List, PageRequest, Position},
    domain::{BatchId, CallStatus, Email, InvalidValue, PhoneNumber, TimeRange, UserId},
};

/// The query of a list or of statistics.
///
/// Each method reads the parameters of one list, and rejects unknown and repeated ones by name.
#[derive(Default)]
pub struct PageQuery(Parameters);

const PAGE_SIZES: std::ops::RangeInclusive<u32> = 1..=100;
/// The default of `page_size`.
pub(super) const PAGE_SIZE_DEFAULT: u32 = 20;
const RESULTS_SIZES: std::ops::RangeInclusive<u32> = 1..=1_000;
/// The default of `page_size` for the results of a batch.
pub(super) const RESULTS_DEFAULT: u32 = 1_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// Beyond these, pages are only reachable by cursor, whose cost does not grow with the depth.
const PAGES: std::ops::RangeInclusive<u32> = 1..=10_000;

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(Parameters::of(parts)))
    }
}

impl PageQuery {
    /// Reads the query of the users: the filters `email` and `phone_number`, and the page.
    ///
    /// # Errors
    ///
    /// 422 that lists every invalid parameter.
    pub fn of_users(&self) -> Result<(Option<Email>, Option<PhoneNumber>, PageRequest), Problem> {
        let names = ["page", "page_size", "cursor", "email", "phone_number"];
        let mut query = self.0.read(&names);
        let email = query.parsed("email", email);
        let number = query.parsed("phone_number", number);
        let list = number.clone().map_or(List::Users, List::UsersOfNumber);
        let request = page(&mut query, &list);
        if query.has("email") && query.has("cursor") {
            query.refuse("email", "can't be combined with cursor");
        }
        query.finish()?;
        Ok((email, number, request))
    }

    /// Reads the query of the batches.
    ///
    /// # Errors
    ///
    /// 422 that lists every invalid parameter.
    pub fn of_batches(&self) -> Result<PageRequest, Problem> {
        let mut query = self.0.read(&["page", "page_size", "cursor"]);
        let request = page(&mut query, &List::Batches);
        query.finish()?;
        Ok(request)
    }

    /// Reads the query of a batch's results: where the page begins, and its size.
    ///
    /// # Errors
    ///
    /// 422 that lists every invalid parameter.
    pub fn of_batch_results(&self, batch: BatchId) -> Result<(Option<Cursor>, u32), Problem> {
        let mut query = self.0.read(&["page_size", "cursor"]);
        let size = whole_number(&mut query, "page_size", RESULTS_DEFAULT, &RESULTS_SIZES);
        let from = cursor(&mut query, &List::BatchResults(batch));
        query.finish()?;
        Ok((from, size))
    }

    /// Reads the query of the blocked numbers.
    ///
    /// # Errors
    ///
    /// 422 that lists every invalid parameter.
    pub fn of_blocked_numbers(&self) -> Result<PageRequest, Problem> {
        let mut query = self.0.read(&["page", "page_size", "cursor"]);
        let request = page(&mut query, &List::BlockedNumbers);
        query.finish()?;
        Ok(request)
    }

    /// Reads the query of a user's calls: the filter `status`, and the page.
    ///
    /// # Errors
    ///
    /// 422 that lists every invalid parameter.
    pub fn of_calls(&self, user: UserId) -> Result<(Option<CallStatus>, PageRequest), Problem> {
        let mut query = self.0.read(&["page", "page_size", "cursor", "status"]);
        let status = query.parsed("status", status);
        let request = page(&mut query, &List::UserCalls(user, status));
        query.finish()?;
        Ok((status, request))
    }

    /// Reads the query of all calls: the filters, and the page. Paging is by cursor only.
    ///
    /// # Errors
    ///
    /// 422 that lists every invalid parameter. 404 if `user_id` is malformed.
    pub fn of_all_calls(&self) -> Result<(CallFilter, PageRequest), Problem> {
        let names = [
            "page_size",
            "cursor",
            "status",
            "user_id",
            "to_number",
            "from",
            "to",
            "batch_id",
            "first_call_id",
            "result",
        ];
        let mut query = self.0.read(&names);
        let status = query.parsed("status", status);
        let from = query.parsed("from", time);
        let to = query.parsed("to", time);
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            query.refuse("from", "must be earlier than to");
        }
        let user = query.text("user_id").map(str::parse).transpose();
        let filter = CallFilter {
            user: *user.as_ref().unwrap_or(&None),
            status,
            to_number: query.parsed("to_number", number),
            from,
            to,
            batch: query.parsed("batch_id", str::parse),
            first_call: query.parsed("first_call_id", str::parse),
            result: query.parsed("result", str::parse),
        };
        let request = PageRequest {
            size: size(&mut query),
            from: cursor(&mut query, &List::Calls(filter.clone()))
                .map_or(Position::Page(1), Position::Cursor),
        };
        query.finish()?;
        match user {
            Ok(_) => Ok((filter, request)),
            Err(_) => Err(Problem::not_found("user")),
        }
    }

    /// Reads the time range of statistics. The default is the last 24 hours.
    ///
    /// The default ends at a full minute, so that the response stays the same for a while.
    ///
    /// # Errors
    ///
    /// 422 that lists every invalid parameter.
    pub fn of_stats(&self, now: DateTime) -> Result<TimeRange, Problem> {
        let mut query = self.0.read(&["from", "to"]);
        let from = query.parsed("from", time);
        let to = query.parsed("to", time);
        query.finish()?;
        let next_minute = (now.timestamp_millis() / MINUTE + 1) * MINUTE;
        let to = to.unwrap_or(DateTime::from_millis(next_minute));
        let day_before = to.timestamp_millis().saturating_sub(DAY);
        let from = from.unwrap_or(DateTime::from_millis(day_before));
        TimeRange::new(from, to).map_err(|refused| {
            Problem::invalid_fields(vec![FieldError {
                field: "from".to_owned(),
                message: refused.to_string(),
            }])
        })
    }
}

fn page(query: &mut QueryReader, list: &List) -> PageRequest {
    let size = size(query);
    let page = whole_number(query, "page", 1, &PAGES);
    let from = if query.has("cursor") && query.has("page") {
        query.refuse("cursor", "can't be combined with page");
        Position::Page(page)
    } else {
        cursor(query, list).map_or(Position::Page(page), Position::Cursor)
    };
    PageRequest { size, from }
}

fn size(query: &mut QueryReader) -> u32 {
    whole_number(query, "page_size", PAGE_SIZE_DEFAULT, &PAGE_SIZES)
}

fn cursor(query: &mut QueryReader, list: &List) -> Option<Cursor> {
    query.parsed("cursor", |text| Cursor::parse(text, list))
}

fn status(word: &str) -> Result<CallStatus, InvalidValue> {
    CallStatus::from_word(word).ok_or_else(|| {
        let words = CallStatus::ALL.map(CallStatus::as_str).join(", ");
        InvalidValue(format!("must be one of {words}"))
    })
}

/// An address contains no blank: one in the query is an unescaped `+`.
fn email(text: &str) -> Result<Email, InvalidValue> {
    text.parse().or_else(|_| text.replace(' ', "+").parse())
}

fn number(text: &str) -> Result<PhoneNumber, InvalidValue> {
    with_leading_plus(text).parse()
}

/// Rounded down to milliseconds, as times are stored.
fn time(text: &str) -> Result<DateTime, InvalidValue> {
    ChronoDateTime::parse_from_rfc3339(&with_offset_plus(text))
        .map(|at| DateTime::from_millis(at.timestamp_millis()))
        .map_err(|_| {
            let example = "must be a time in RFC 3339 format, for example 2026-01-02T03:04:05Z";
            InvalidValue(example.to_owned())
        })
}

fn whole_number(
    query: &mut QueryReader,
    name: &str,
    default: u32,
    range: &std::ops::RangeInclusive<u32>,
) -> u32 {
    // The parser would accept a sign.
    let parse = |text: &str| match text.parse() {
        Ok(number) if range.contains(&number) && !text.starts_with('+') => Ok(number),
        _ => Err(InvalidValue(format!(
            "must be a whole number from {} to {}",
            range.start(),
            range.end()
        ))),
    };
    query.parsed(name, parse).unwrap_or(default)
}
