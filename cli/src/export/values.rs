//! Parsers of the values on the command line.

use chrono::{DateTime, NaiveDate, Utc};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use outdial::dao::admin::export::Collection;

/// Parses the name of a collection.
pub fn collection() -> impl TypedValueParser<Value = Collection> {
    let names = Collection::ALL.map(Collection::name);
    PossibleValuesParser::new(names).try_map(|name| {
        let mut all = Collection::ALL.into_iter();
        all.find(|collection| collection.name() == name)
            .ok_or("unknown collection")
    })
}

/// Parses a time, or a day, which stands for its start.
pub fn time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let day = text
        .parse::<NaiveDate>()
        .ok()
        .and_then(|day| day.and_hms_opt(0, 0, 0));
    day.map(|day| day.and_utc()).ok_or_else(|| {
        "must be a day, such as 2026-11-24, or a time, such as 2026-11-24T12:00:00Z".to_owned()
    })
}
