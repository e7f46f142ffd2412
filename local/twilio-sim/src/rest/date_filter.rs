//! Date filters of lists: `StartTime=`, `StartTime<=`, `StartTime>=`.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::error::RestError;
use super::params::Params;

/// A range of time. It includes both ends.
#[derive(Debug, Default)]
pub(super) struct DateFilter {
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

impl DateFilter {
    /// Parses the filters for `name`: on a day or at a time, not before it (`>`), not after it (`<`).
    ///
    /// A day starts at midnight UTC.
    ///
    /// # Errors
    ///
    /// 20001 for an invalid date.
    pub(super) fn from_query(query: &Params, name: &str) -> Result<Self, RestError> {
        let mut filter = Self::default();
        if let Some(text) = query.get(name) {
            let (start, is_day) = parse_time(name, text)?;
            filter.from = Some(start);
            filter.to = Some(if is_day { start + Days::new(1) } else { start });
        }
        if let Some(text) = query.get(&format!("{name}>")) {
            filter.from = Some(parse_time(name, text)?.0);
        }
        if let Some(text) = query.get(&format!("{name}<")) {
            filter.to = Some(parse_time(name, text)?.0);
        }
        Ok(filter)
    }

    /// Returns true for a time in the range. A missing time matches only a range without ends.
    pub(super) fn contains(&self, at: Option<DateTime<Utc>>) -> bool {
        match at {
            Some(at) => {
                self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to)
            }
            None => self.from.is_none() && self.to.is_none(),
        }
    }
}

/// Parses a date or a time. The second value is true for a date without a time.
fn parse_time(name: &str, text: &str) -> Result<(DateTime<Utc>, bool), RestError> {
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
