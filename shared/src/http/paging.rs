use axum::extract::FromRequestParts;
use chrono::DateTime as Instant;
use http::request::Parts;
use mongodb::bson::DateTime;

use super::{FieldError, Problem};
use crate::{
    dao::{CallFilter, Cursor, List, PageRequest, Position},
    domain::{CallStatus, Email, InvalidValue, Span, UserId},
};

/// The query of a list or of statistics, as it was sent: `page` and `page_size`, or `cursor`; and what is wanted of all.
#[derive(Default)]
pub struct PageQuery {
    page: Option<String>,
    page_size: Option<String>,
    cursor: Option<String>,
    status: Option<String>,
    email: Option<String>,
    user_id: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

const PAGE_SIZES: std::ops::RangeInclusive<u32> = 1..=100;
/// How many items a page has that does not say how many it wants.
pub(super) const PAGE_SIZE_DEFAULT: u32 = 20;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// Deeper pages are reached by cursor, whose cost does not grow with the depth.
const PAGES: std::ops::RangeInclusive<u32> = 1..=10_000;

impl<S: Send + Sync> FromRequestParts<S> for PageQuery {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let mut query = Self::default();
        for (name, value) in
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        {
            let field = match &*name {
                "page" => &mut query.page,
                "page_size" => &mut query.page_size,
                "cursor" => &mut query.cursor,
                "status" => &mut query.status,
                "email" => &mut query.email,
                "user_id" => &mut query.user_id,
                "from" => &mut query.from,
                "to" => &mut query.to,
                _ => continue,
            };
            *field = Some(value.into_owned());
        }
        Ok(query)
    }
}

impl PageQuery {
    /// The page that is asked for of all users, and the address that the one user must have who is looked for.
    ///
    /// # Errors
    ///
    /// 422 that names every parameter at fault.
    pub fn of_users(&self) -> Result<(Option<Email>, PageRequest), Problem> {
        let mut errors = Vec::new();
        let email = parsed(self.email.as_deref(), "email", str::parse, &mut errors);
        let request = self.read(List::Users, &mut errors);
        if self.email.is_some() && self.cursor.is_some() {
            errors.push(error(
                "email",
                "must not come with cursor: send one of them",
            ));
        }
        refuse(errors)?;
        Ok((email, request))
    }

    /// The page that is asked for of all blocked numbers.
    ///
    /// # Errors
    ///
    /// 422 that names every parameter at fault.
    pub fn of_blocked_numbers(&self) -> Result<PageRequest, Problem> {
        let mut errors = Vec::new();
        let request = self.read(List::BlockedNumbers, &mut errors);
        refuse(errors)?;
        Ok(request)
    }

    /// The page that is asked for of a user's calls, and the status that they must have.
    ///
    /// # Errors
    ///
    /// 422 that names every parameter at fault.
    pub fn of_calls(&self, user: UserId) -> Result<(Option<CallStatus>, PageRequest), Problem> {
        let mut errors = Vec::new();
        let status = parsed(self.status.as_deref(), "status", status, &mut errors);
        let request = self.read(List::UserCalls(user, status), &mut errors);
        refuse(errors)?;
        Ok((status, request))
    }

    /// The page that is asked for of everybody's calls, by cursor alone, and what they must be.
    ///
    /// # Errors
    ///
    /// 422 that names every parameter at fault; 404 where `user_id` can be nobody's.
    pub fn of_all_calls(&self) -> Result<(CallFilter, PageRequest), Problem> {
        let mut errors = Vec::new();
        let status = parsed(self.status.as_deref(), "status", status, &mut errors);
        let from = parsed(self.from.as_deref(), "from", time, &mut errors);
        let to = parsed(self.to.as_deref(), "to", time, &mut errors);
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            errors.push(error("from", "must be earlier than to"));
        }
        let user = self.user_id.as_deref().map(str::parse).transpose();
        let filter = CallFilter {
            user: *user.as_ref().unwrap_or(&None),
            status,
            from,
            to,
        };
        if self.page.is_some() {
            errors.push(error("page", "must not come here: pages follow by cursor"));
        }
        let request = PageRequest {
            size: self.size(&mut errors),
            from: self
                .cursor(List::Calls(filter), &mut errors)
                .map_or(Position::Page(1), Position::Cursor),
        };
        refuse(errors)?;
        match user {
            Ok(_) => Ok((filter, request)),
            Err(_) => Err(Problem::not_found("user")),
        }
    }

    /// The time that statistics are asked for: the day until now, to the full minute, where nothing else is said. So they are
    /// the same for a while.
    ///
    /// # Errors
    ///
    /// 422 that names every parameter at fault.
    pub fn of_stats(&self, now: DateTime) -> Result<Span, Problem> {
        let mut errors = Vec::new();
        let from = parsed(self.from.as_deref(), "from", time, &mut errors);
        let to = parsed(self.to.as_deref(), "to", time, &mut errors);
        refuse(errors)?;
        let next_minute = (now.timestamp_millis() / MINUTE + 1) * MINUTE;
        let to = to.unwrap_or(DateTime::from_millis(next_minute));
        let day_before = to.timestamp_millis().saturating_sub(DAY);
        let from = from.unwrap_or(DateTime::from_millis(day_before));
        Span::new(from, to)
            .map_err(|refused| Problem::invalid_fields(vec![error("from", refused.to_string())]))
    }

    fn read(&self, list: List, errors: &mut Vec<FieldError>) -> PageRequest {
        let size = self.size(errors);
        let page = number(self.page.as_deref(), "page", 1, &PAGES, errors);
        let from = match &self.cursor {
            None => Position::Page(page),
            Some(_) if self.page.is_some() => {
                errors.push(error("cursor", "must not come with page: send one of them"));
                Position::Page(page)
            }
            Some(_) => self
                .cursor(list, errors)
                .map_or(Position::Page(page), Position::Cursor),
        };
        PageRequest { size, from }
    }

    fn size(&self, errors: &mut Vec<FieldError>) -> u32 {
        number(
            self.page_size.as_deref(),
            "page_size",
            PAGE_SIZE_DEFAULT,
            &PAGE_SIZES,
            errors,
        )
    }

    fn cursor(&self, list: List, errors: &mut Vec<FieldError>) -> Option<Cursor> {
        let parse = |text: &str| Cursor::parse(text, list);
        parsed(self.cursor.as_deref(), "cursor", parse, errors)
    }
}

fn refuse(errors: Vec<FieldError>) -> Result<(), Problem> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid_fields(errors))
    }
}

fn parsed<T>(
    text: Option<&str>,
    field: &str,
    parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
    errors: &mut Vec<FieldError>,
) -> Option<T> {
    parse(text?)
        .map_err(|refused| errors.push(error(field, refused.to_string())))
        .ok()
}

fn status(word: &str) -> Result<CallStatus, InvalidValue> {
    CallStatus::from_word(word).ok_or_else(|| {
        let words = CallStatus::ALL.map(CallStatus::as_str).join(", ");
        InvalidValue(format!("must be one of {words}"))
    })
}

/// To the millisecond, as times are stored.
fn time(text: &str) -> Result<DateTime, InvalidValue> {
    Instant::parse_from_rfc3339(text)
        .map(|at| DateTime::from_millis(at.timestamp_millis()))
        .map_err(|_| {
            let example = "must be a time in RFC 3339 form, such as 2026-01-02T03:04:05Z";
            InvalidValue(example.to_owned())
        })
}

fn number(
    text: Option<&str>,
    field: &str,
    default: u32,
    range: &std::ops::RangeInclusive<u32>,
    errors: &mut Vec<FieldError>,
) -> u32 {
    let Some(text) = text else { return default };
    // A sign, which the parser would take, is no digit.
    match text.parse() {
        Ok(number) if range.contains(&number) && !text.starts_with('+') => number,
        _ => {
            errors.push(error(
                field,
                format!(
                    "must be a whole number from {} to {}",
                    range.start(),
                    range.end()
                ),
            ));
            default
        }
    }
}

fn error(field: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        field: field.to_owned(),
        message: message.into(),
    }
}
