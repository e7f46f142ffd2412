//! `DIALS_PER_SECOND`: the pace of the dial queue.

use super::{ConfigError, Settings};
use crate::domain::Pace;

impl Settings {
    /// Parses `DIALS_PER_SECOND`: the pace of all dials. Default: 1, which is Twilio's default for an account.
    ///
    /// # Errors
    ///
    /// When `DIALS_PER_SECOND` is malformed.
    pub fn pace(&self) -> Result<Pace, ConfigError> {
        const EXPECTED: &str =
            "the number of calls that Twilio may dial in a second, between 0.1 and 1000, such as 1";
        self.values.parsed("DIALS_PER_SECOND", "1", EXPECTED)
    }

    /// Returns the pace if there is a dial queue (`DIAL_QUEUE_URL`). Without one, no call waits and none needs a permit.
    ///
    /// # Errors
    ///
    /// When a variable is malformed.
    pub fn pace_of_queue(&self) -> Result<Option<Pace>, ConfigError> {
        let has_queue = self.values.get("DIAL_QUEUE_URL")?.is_some();
        has_queue.then(|| self.pace()).transpose()
    }
}
