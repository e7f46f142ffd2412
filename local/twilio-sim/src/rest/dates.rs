//! Filters by date: `StartTime=`, `StartTime<=`, `StartTime>=`.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::error::RestError;
use super::params::Params;

/// A span of time, both ends included.
#[derive(Debug, Default)]
pub(super) struct Span {
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

impl Span {
    /// What a query says about `name`: a day or a moment itself, not before it (`>`), not after it (`<`).
    /// A day's border is its midnight in UTC.
    pub(super) fn asked(query: &Params, name: &str) -> Result<Self, RestError> {
        let mut span = Self::default();
        if let Some(text) = query.get(name) {
            let (start, is_day) = moment(name, text)?;
            span.from = Some(start);
            span.to = Some(if is_day { start + Days::new(1) } else { start });
        }
        if let Some(text) = query.get(&format!("{name}>")) {
            span.from = Some(moment(name, text)?.0);
        }
        if let Some(text) = query.get(&format!("{name}<")) {
            span.to = Some(moment(name, text)?.0);
        }
        Ok(span)
    }

    /// Whether a moment lies in it. No moment lies only in a span without ends.
    pub(super) fn has(&self, at: Option<DateTime<Utc>>) -> bool {
        match at {
            Some(at) => {
                self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to)
            }
            None => self.from.is_none() && self.to.is_none(),
        }
    }
}

fn moment(name: &str, text: &str) -> Result<(DateTime<Utc>, bool), RestError> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok((day.and_time(NaiveTime::MIN).and_utc(), true));
    }
    let parsed = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
    match parsed {
        Ok(at) => Ok((at.to_utc(), false)),
        Err(_) => Err(RestError::bad(
            20001,
            format!("{name} is not a date: {text}"),
        )),
    }
}
