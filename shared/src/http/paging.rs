use axum::extract::FromRequestParts;
use http::request::Parts;

use super::{FieldError, Problem};
use crate::{
    dao::{Cursor, List, PageRequest, Position},
    domain::{CallStatus, Email, InvalidValue},
};

/// The query of a list, as it was sent: `page` and `page_size`, or `cursor`; and `status` or `email`.
#[derive(Debug, Default)]
pub struct PageQuery {
    page: Option<String>,
    page_size: Option<String>,
    cursor: Option<String>,
    status: Option<String>,
    email: Option<String>,
}

const PAGE_SIZES: std::ops::RangeInclusive<u32> = 1..=100;
const PAGE_SIZE_DEFAULT: u32 = 20;
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
                _ => continue,
            };
            *field = Some(value.into_owned());
        }
        Ok(query)
    }
}

impl PageQuery {
    /// The status that the calls of the list must have.
    ///
    /// # Errors
    ///
    /// 422 when it is no status.
    pub fn status(&self) -> Result<Option<CallStatus>, Problem> {
        let Some(word) = &self.status else {
            return Ok(None);
        };
        let Some(status) = CallStatus::from_word(word) else {
            let words = CallStatus::ALL.map(CallStatus::as_str).join(", ");
            return Err(Problem::invalid_fields(vec![error(
                "status",
                format!("must be one of {words}"),
            )]));
        };
        Ok(Some(status))
    }

    /// The address that the users of the list must have.
    ///
    /// # Errors
    ///
    /// 422 when it is no address.
    pub fn email(&self) -> Result<Option<Email>, Problem> {
        let refuse = |refused: InvalidValue| {
            Problem::invalid_fields(vec![error("email", refused.to_string())])
        };
        self.email
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(refuse)
    }

    /// The page that is asked for, of that list.
    ///
    /// # Errors
    ///
    /// 422 that names every parameter at fault.
    pub fn of(&self, list: List) -> Result<PageRequest, Problem> {
        let mut errors = Vec::new();
        let size = number(
            self.page_size.as_deref(),
            "page_size",
            PAGE_SIZE_DEFAULT,
            &PAGE_SIZES,
            &mut errors,
        );
        let page = number(self.page.as_deref(), "page", 1, &PAGES, &mut errors);
        let from = match &self.cursor {
            None => Position::Page(page),
            Some(_) if self.page.is_some() => {
                errors.push(error("cursor", "must not come with page: send one of them"));
                Position::Page(page)
            }
            Some(text) => match Cursor::parse(text, list) {
                Ok(cursor) => Position::Cursor(cursor),
                Err(refused) => {
                    errors.push(error("cursor", refused.to_string()));
                    Position::Page(page)
                }
            },
        };
        if errors.is_empty() {
            Ok(PageRequest { size, from })
        } else {
            Err(Problem::invalid_fields(errors))
        }
    }
}

fn number(
    text: Option<&str>,
    field: &str,
    default: u32,
    range: &std::ops::RangeInclusive<u32>,
    errors: &mut Vec<FieldError>,
) -> u32 {
    let Some(text) = text else { return default };
    match text.parse() {
        Ok(number) if range.contains(&number) => number,
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
