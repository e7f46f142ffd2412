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
    /// Parses the filters for `name`: on a day (`=`), not before a time (`>`), not after a time (`<`).
    ///
    /// A day starts at midnight UTC. A time with `=` stands for its day.
    ///
    /// # Errors
    ///
    /// 20001 for an invalid date.
    pub(super) fn from_query(query: &Params, name: &str) -> Result<Self, RestError> {
        let mut filter = Self::default();
        if let Some(text) = query.get(name) {
            let start = parse_time(name, text)?
                .date_naive()
                .and_time(NaiveTime::MIN);
            filter.from = Some(start.and_utc());
            filter.to = Some(start.and_utc() + Days::new(1));
        }
        if let Some(text) = query.get(&format!("{name}>")) {
            filter.from = Some(parse_time(name, text)?);
        }
        if let Some(text) = query.get(&format!("{name}<")) {
            filter.to = Some(parse_time(name, text)?);
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

/// Parses a time, or a date, which stands for its midnight.
fn parse_time(name: &str, text: &str) -> Result<DateTime<Utc>, RestError> {
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    let parsed = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
    match parsed {
        Ok(at) => Ok(at.to_utc()),
        Err(_) => Err(RestError::bad(
            20001,
            format!("{name} is not a date: {text}"),
        )),
    }
}
