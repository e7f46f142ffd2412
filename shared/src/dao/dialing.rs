use std::fmt;

use mongodb::bson::{DateTime, RawDocument, RawDocumentBuf, doc};
use serde::Deserialize;

use super::{COUNTERS, Dao, DaoError, stored};

/// Whether calls are placed, as an operator has switched it last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialingSwitch {
    /// Whether they are. Nobody has to switch it on first.
    pub on: bool,
    /// Since when, UTC; none where it was never switched.
    pub since: Option<DateTime>,
    /// The operator's words.
    pub reason: Option<String>,
    /// Who switched it; none in documents that an earlier version stored.
    pub by: Option<String>,
}

/// In `counters`, without the field by which counters expire.
pub(super) const SWITCH: &str = "dialing";

/// What a stored switch must have.
#[derive(Deserialize)]
struct Stored {
    on: bool,
}

impl DialingSwitch {
    /// A switch that cannot be read counts as off. That is reported, for nobody has switched it.
    pub(super) fn of(stored: Option<&RawDocument>) -> Self {
        let Some(stored) = stored else {
            return Self {
                on: true,
                since: None,
                reason: None,
                by: None,
            };
        };
        let text = |field| stored.get_str(field).ok().map(str::to_owned);
        let on = stored::read::<Stored>(COUNTERS, stored).map(|stored| stored.on);
        let reason = match &on {
            Ok(_) => text("reason"),
            Err(_) => Some("the stored switch cannot be read".to_owned()),
        };
        Self {
            on: on.unwrap_or(false),
            since: stored.get_datetime("since").ok(),
            reason,
            by: text("by"),
        }
    }
}

impl fmt::Display for DialingSwitch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dialling is {}", if self.on { "on" } else { "off" })?;
        if let Some(since) = self.since.and_then(|at| at.try_to_rfc3339_string().ok()) {
            write!(f, " since {since}")?;
        }
        if let Some(by) = &self.by {
            write!(f, " by {by}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        Ok(())
    }
}

impl Dao {
    /// How the switch stands.
    ///
    /// # Errors
    ///
    /// When the database is away.
    pub async fn dialing(&self) -> Result<DialingSwitch, DaoError> {
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            let stored = counters.find_one(doc! { "_id": SWITCH }).await?;
            Ok(DialingSwitch::of(stored.as_deref()))
        })
        .await
    }

    /// Switches dialling on or off, from the next request on, and stores who did it. Requests that already passed the check
    /// still dial.
    ///
    /// # Errors
    ///
    /// When the database is away; then it may or may not be switched.
    pub async fn switch_dialing(
        &self,
        on: bool,
        reason: Option<&str>,
        by: Option<&str>,
    ) -> Result<DialingSwitch, DaoError> {
        let switch = DialingSwitch {
            on,
            since: Some(DateTime::now()),
            reason: reason.map(str::to_owned),
            by: by.map(str::to_owned),
        };
        // The whole document: nothing that somebody has put there may let it expire.
        let stored = doc! { "on": on, "since": switch.since, "reason": reason, "by": by };
        let stored = RawDocumentBuf::try_from(&stored).map_err(mongodb::error::Error::from)?;
        self.with_timeout(|| async {
            let counters = self.counters().await?;
            let this = doc! { "_id": SWITCH };
            counters
                .replace_one(this, stored.clone())
                .upsert(true)
                .await?;
            Ok(())
        })
        .await?;
        Ok(switch)
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::Document;

    use super::*;

    fn of(stored: &Document) -> DialingSwitch {
        DialingSwitch::of(Some(&RawDocumentBuf::try_from(stored).unwrap()))
    }

    #[test]
    fn without_a_switch_calls_are_placed_and_with_an_unreadable_one_not() {
        assert!(DialingSwitch::of(None).on);
        assert!(of(&doc! { "on": true }).on);
        for stored in [
            doc! {},
            doc! { "on": false },
            doc! { "on": "true" },
            doc! { "on": 1 },
            doc! { "on": null },
            doc! { "state": "on" },
            doc! { "on": { "$oid": "true" } },
        ] {
            assert!(!of(&stored).on, "{stored}");
        }
    }

    #[test]
    fn a_switch_reads_as_a_sentence() {
        let since = DateTime::from_millis(1_795_391_999_000);
        let off = doc! { "on": false, "since": since, "reason": "fraud" };
        assert_eq!(
            of(&off).to_string(),
            "dialling is off since 2026-11-22T23:59:59Z: fraud"
        );
        let off = doc! { "on": false, "since": since, "reason": "fraud", "by": "ada@desk" };
        assert_eq!(
            of(&off).to_string(),
            "dialling is off since 2026-11-22T23:59:59Z by ada@desk: fraud"
        );
        assert_eq!(DialingSwitch::of(None).to_string(), "dialling is on");
        assert_eq!(
            of(&doc! {}).to_string(),
            "dialling is off: the stored switch cannot be read"
        );
    }
}
