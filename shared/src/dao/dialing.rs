//! The kill switch: whether calls are placed at all.

use std::fmt;

use mongodb::bson::{DateTime, RawDocument, RawDocumentBuf, doc};
use serde::Deserialize;

use super::{COUNTERS, Dao, DaoError, stored};

/// The kill switch, as an operator last set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialingSwitch {
    /// True, also initially, if calls are placed.
    pub on: bool,
    /// Time of the last change, UTC; `None` if the switch was never set.
    pub since: Option<DateTime>,
    /// The operator's reason.
    pub reason: Option<String>,
    /// The operator; `None` in documents of an earlier version.
    pub by: Option<String>,
}

/// The `_id` of the switch in `counters`. Its document has no field that lets it expire.
pub(super) const SWITCH: &str = "dialing";

/// The required field of a stored switch.
#[derive(Deserialize)]
struct Stored {
    on: bool,
}

impl DialingSwitch {
    /// Reads the stored switch. An unreadable one is logged and counts as off.
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
    /// Returns the kill switch.
    ///
    /// # Errors
    ///
    /// Any [`DaoError`].
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
    /// Any [`DaoError`]; the switch may or may not be set then.
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
        // Replaces the whole document, so that no foreign field lets it expire.
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
    fn missing_switch_is_on_and_unreadable_switch_is_off() {
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
    fn switch_displays_as_a_sentence() {
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
